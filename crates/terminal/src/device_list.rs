//! `--device list`.

use std::ffi::OsString;

use halfstep_model::{DeviceBackend, list_devices};

/// Whether the command line asks for the list of devices, whatever else it contains or lacks.
pub(crate) fn asks_for_devices(arguments: impl Iterator<Item = OsString>) -> bool {
    let arguments: Vec<OsString> =
        arguments.take_while(|argument| argument.as_os_str() != "--").collect();
    let in_two = |pair: &[OsString]| pair[0] == "--device" && pair[1] == "list";
    arguments.iter().any(|argument| argument == "--device=list") || arguments.windows(2).any(in_two)
}

/// Prints one line per device: its value for `--device`, its name, its kind.
pub(crate) fn answer_devices() {
    let rows: Vec<[String; 3]> = list_devices()
        .into_iter()
        .map(|device| [device.choice.to_string(), device.name, device.kind.to_owned()])
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let (first, second) = (width(0).unwrap_or(0), width(1).unwrap_or(0));
    for [choice, name, kind] in &rows {
        crate::answer!("{choice:first$}  {name:second$}  {kind}");
    }
    let missing: Vec<String> = DeviceBackend::ALL
        .into_iter()
        .filter(|backend| !backend.is_compiled())
        .map(|backend| backend.to_string())
        .collect();
    if !missing.is_empty() {
        crate::say!("this program was built without {}", missing.join(", "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_asked_for_in_both_spellings() {
        let asks = |line: &str| asks_for_devices(line.split(' ').map(OsString::from));
        assert!(asks("sample --device list"));
        assert!(asks("train --config a.toml --device=list --quiet"));
        for other in
            ["sample --device cpu", "sample --out list", "sample --device", "x -- --device list"]
        {
            assert!(!asks(other), "{other}");
        }
    }
}
