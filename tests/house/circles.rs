//! No file imports one that imports it back, but for a module and what lies within it.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Source, sources};

type Module = Vec<String>;

#[test]
fn files_import_each_other_one_way() {
    let all = sources();
    let packages: BTreeSet<&str> = all.iter().map(|source| source.package.as_str()).collect();
    let mut circles = Vec::new();
    for package in packages {
        let files: Vec<&Source> = all.iter().filter(|source| source.package == package).collect();
        let modules: BTreeSet<Module> = files.iter().map(|file| file.module.clone()).collect();
        let imports: BTreeMap<Module, BTreeSet<Module>> =
            files.iter().map(|file| (file.module.clone(), imports(file, &modules))).collect();
        for start in &modules {
            if let Some(circle) = circle_through(start, &imports) {
                let circle: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
                circles.push(format!("{package}: {}", circle.join(" -> ")));
            }
        }
    }
    assert!(circles.is_empty(), "files import each other in circles:\n{}", circles.join("\n"));
}

/// The modules that a file names with `crate::` or `super::`, its own ancestors and descendants left out.
fn imports(file: &Source, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    for (_, line) in file.code() {
        for (start, prefix) in [("crate::", None), ("super::", file.module.split_last())] {
            for (at, _) in line.match_indices(start) {
                let rest = &line[at + start.len()..];
                let path = rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
                let names = path.take(1).flat_map(|path| path.split("::"));
                let names: Module =
                    names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
                let parent = prefix.map_or(Vec::new(), |(_, parent)| parent.to_vec());
                let whole = [parent, names].concat();
                // The longest part of the path that is a module.
                let module = (1..=whole.len()).rev().map(|len| whole[..len].to_vec());
                found.extend(module.into_iter().find(|module| modules.contains(module)));
            }
        }
    }
    found.retain(|module| !module.starts_with(&file.module) && !file.module.starts_with(module));
    found
}

/// A way from `start` back to it, if `start` is the first of its modules in alphabetical order.
fn circle_through(
    start: &Module,
    imports: &BTreeMap<Module, BTreeSet<Module>>,
) -> Option<Vec<Module>> {
    let mut ways = vec![vec![start.clone()]];
    let mut seen = BTreeSet::from([start.clone()]);
    while let Some(way) = ways.pop() {
        for next in imports.get(way.last()?).into_iter().flatten() {
            if next == start {
                return Some([way, vec![next.clone()]].concat());
            }
            if next > start && seen.insert(next.clone()) {
                ways.push([way.clone(), vec![next.clone()]].concat());
            }
        }
    }
    None
}
