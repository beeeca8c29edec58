//! The layers of this crate, as a test: each module uses itself and rows below it.
//!
//! Sources are read as tokens, so paths inside macros and macro definitions count too (`$crate::x`
//! is an arrow from the module that defines the macro). What is followed: `crate::…`, also in
//! groups, and chains of `super::` that reach the crate's root. The crate's root itself declares
//! the modules and is not checked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The modules of each row, the lowest row first.
const ROWS: &[(&str, &[&str])] = &[
    ("ground", &["id", "clock", "secret"]),
    ("values", &["tags", "parameters", "names", "state", "hook", "asset", "event", "settings"]),
    ("mechanism", &["stack", "runner"]),
    (
        "services",
        &["record", "results", "cache", "transaction", "concurrency", "summary", "lineage"],
    ),
    ("catalogue", &["registry", "definition"]),
    ("ambient", &["context"]),
    ("engine", &["engine"]),
    (
        "surface",
        &[
            "artifacts",
            "events",
            "limits",
            "pause",
            "variables",
            "runtime",
            "program",
            "logging",
            "serve",
            "testing",
        ],
    ),
    ("doors", &["prelude", "private"]),
];

/// Arrows between neighbours in a row that are part of the plan, each with its reason.
const NEIGHBOURS: &[(&str, &str, &str)] = &[
    ("id", "clock", "an id begins with the time of its creation"),
    ("names", "parameters", "templates are filled in from parameters"),
    ("asset", "names", "a key is made of parameters as a run's name is"),
    ("asset", "parameters", "keys are filled in from parameters"),
    ("state", "asset", "a key that cannot be made is one of the errors of a run"),
    ("hook", "state", "a hook's panic is told as that of a run is"),
    ("cache", "results", "a policy says where its records are kept, and how they are locked"),
    ("transaction", "results", "what a transaction has staged is written to a result store"),
    ("state", "names", "a name that cannot be made is one of the errors of a run"),
    ("summary", "record", "the summary is a recorder"),
    ("registry", "definition", "what is registered are definitions"),
    ("testing", "limits", "its tests wait for slots"),
];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|(_, modules)| modules.contains(&module))
}

/// A path that starts at the crate's root: the first segment, and where it stands.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    line: usize,
    target: String,
}

/// What is wrong with an arrow from `module`, if anything.
fn fault(module: &str, target: &str) -> Option<String> {
    let planned = NEIGHBOURS.iter().any(|(from, to, _)| *from == module && *to == target);
    match (row(module), row(target)) {
        _ if module == target => None,
        (None, _) => Some(format!("module `{module}` is not in the table of layers")),
        (_, None) => Some(format!(
            "`{module}` uses `crate::{target}`, which is not a module in the table of layers"
        )),
        (Some(from), Some(to)) if to > from => Some(format!("`{module}` uses `{target}` above it")),
        (Some(from), Some(to)) if to == from && !planned => {
            Some(format!("`{module}` uses its neighbour `{target}`"))
        }
        _ => None,
    }
}

/// The arrows in a file whose module path is `module` (`["tags", "set"]` for `tags/set.rs`).
fn arrows(source: &str, module: &[String]) -> Result<BTreeSet<Arrow>, proc_macro2::LexError> {
    let mut found = BTreeSet::new();
    collect(source.parse()?, module.len(), &mut found);
    Ok(found)
}

/// `depth` is how many times `super` leads to the crate's root.
fn collect(tokens: TokenStream, depth: usize, found: &mut BTreeSet<Arrow>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                // `mod name { … }` is one level further down.
                let inline_module = group.delimiter() == Delimiter::Brace
                    && index >= 2
                    && is_ident(&tokens[index - 2], "mod")
                    && matches!(tokens[index - 1], TokenTree::Ident(_));
                collect(group.stream(), depth + usize::from(inline_module), found);
            }
            TokenTree::Ident(_) if !follows_path_separator(&tokens[..index]) => {
                if let Some(rest) = path_from_root(&tokens[index..], depth) {
                    first_segments(rest, found);
                }
            }
            _ => {}
        }
    }
}

fn is_ident(token: &TokenTree, name: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == name)
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn follows_path_separator(before: &[TokenTree]) -> bool {
    matches!(before, [.., a, b] if is_punct(a, ':') && is_punct(b, ':'))
}

/// What follows `first::`, if the tokens begin so.
fn after_segment<'a>(tokens: &'a [TokenTree], first: &str) -> Option<&'a [TokenTree]> {
    match tokens {
        [name, a, b, rest @ ..]
            if is_ident(name, first) && is_punct(a, ':') && is_punct(b, ':') =>
        {
            Some(rest)
        }
        _ => None,
    }
}

/// What follows the root in `crate::…`, or in as many `super::` as lead there.
fn path_from_root(tokens: &[TokenTree], depth: usize) -> Option<&[TokenTree]> {
    if let Some(rest) = after_segment(tokens, "crate") {
        return Some(rest);
    }
    let mut rest = after_segment(tokens, "self").unwrap_or(tokens);
    for _ in 0..depth {
        rest = after_segment(rest, "super")?;
    }
    (depth > 0 && !rest.first().is_some_and(|token| is_ident(token, "super"))).then_some(rest)
}

/// The first segment of a path, or of each path in a group.
fn first_segments(tokens: &[TokenTree], found: &mut BTreeSet<Arrow>) {
    match tokens {
        // An exported macro lives at the root wherever it is defined.
        [TokenTree::Ident(_), bang, ..] if is_punct(bang, '!') => {}
        [TokenTree::Ident(ident), ..] => {
            let target = ident.to_string();
            found.insert(Arrow { line: ident.span().start().line, target });
        }
        [TokenTree::Group(group), ..] => {
            let inner: Vec<_> = group.stream().into_iter().collect();
            for item in inner.split(|token| is_punct(token, ',')) {
                first_segments(item, found);
            }
        }
        [TokenTree::Punct(star), ..] if star.as_char() == '*' => {
            let line = star.span().start().line;
            found.insert(Arrow { line, target: "*".to_owned() });
        }
        _ => {}
    }
}

/// All `.rs` files below `folder`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("the folder can be listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The names of all `macro_rules!`: those that are exported live at the root wherever they are defined.
fn exported_macros(files: &[PathBuf]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files {
        let source = std::fs::read_to_string(file).expect("the sources can be read");
        for rest in source.split("macro_rules! ").skip(1) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            names.insert(rest[..end].to_owned());
        }
    }
    names
}

/// `["tags", "set"]` for `tags/set.rs`.
fn module_of(file: &Path) -> Vec<String> {
    let path = file.with_extension("");
    path.iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

#[test]
fn no_arrow_points_up_or_sideways() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files.sort();
    let mut faults = Vec::new();
    let macros = exported_macros(&files);
    for file in files {
        let name = file.strip_prefix(&root).unwrap();
        let module = module_of(name);
        if module == ["lib"] {
            continue;
        }
        if row(&module[0]).is_none() {
            faults.push(format!("{}: `{}` is not in the table", name.display(), module[0]));
        }
        let source = std::fs::read_to_string(&file).unwrap();
        let arrows = arrows(&source, &module)
            .unwrap_or_else(|err| panic!("{} is not Rust: {err}", name.display()));
        for Arrow { line, target } in arrows {
            if macros.contains(&target) {
                continue;
            }
            let text = fault(&module[0], &target);
            faults.extend(text.map(|text| format!("{}:{line}: {text}", name.display())));
        }
    }
    assert!(faults.is_empty(), "the layers are broken:\n{}", faults.join("\n"));
}

#[test]
fn the_table_names_each_module_once() {
    let mut seen = BTreeSet::new();
    for module in ROWS.iter().flat_map(|(_, modules)| *modules) {
        assert!(seen.insert(module), "{module} stands twice");
    }
}

#[test]
fn planned_neighbours_share_a_row_and_make_no_circle() {
    for (from, to, _) in NEIGHBOURS {
        assert!(row(from).is_some() && row(from) == row(to), "{from} and {to} share no row");
        let mut reached = vec![*to];
        while let Some(module) = reached.pop() {
            assert_ne!(module, *from, "a circle through {from}");
            reached.extend(NEIGHBOURS.iter().filter(|(f, ..)| *f == module).map(|(_, t, _)| *t));
        }
    }
}

#[test]
fn upward_and_sideways_arrows_are_faults() {
    assert!(fault("stack", "engine").unwrap().contains("above it"));
    assert!(fault("tags", "context").unwrap().contains("above it"));
    assert!(fault("clock", "id").unwrap().contains("neighbour"));
    assert!(fault("clock", "stack").unwrap().contains("above it"));
    assert!(fault("record", "results").unwrap().contains("neighbour"));
    assert!(fault("engine", "Flow").unwrap().contains("not a module"));
    assert!(fault("engine", "*").unwrap().contains("not a module"));
    assert!(fault("utils", "clock").unwrap().contains("not in the table"));
    assert_eq!(fault("engine", "clock"), None);
    assert_eq!(fault("tags", "tags"), None);
    assert_eq!(fault("registry", "definition"), None);
    assert!(fault("definition", "registry").unwrap().contains("neighbour"));
}

#[test]
fn every_spelling_of_an_arrow_is_seen() {
    let source = r#"
        //! Not an arrow: crate::doc::X.
        use crate::one::A;
        use crate::{two::B, three::{self, C}, four};
        use super::super::five::D;
        use super::sibling::E;
        use std::fmt;
        fn f(x: crate::six::F) -> Vec<crate::seven::G> {
            println!("{}", crate::eight::h());
            crate::exported_macro!();
            let crate_name = "crate::text::I";
            other::crate_like::J
        }
        macro_rules! m { ($x:expr) => { $crate::nine::k($x) }; }
        mod inner {
            use super::super::super::ten::L;
            use super::super::sibling::M;
        }
        pub(crate) struct N;
        pub(in crate::eleven) struct O;
        use crate::*;
    "#;
    let module = ["folder".to_owned(), "file".to_owned()];
    let found: Vec<_> = arrows(source, &module).unwrap().into_iter().map(|a| a.target).collect();
    let expected = [
        "one", "four", "three", "two", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "*",
    ];
    assert_eq!(found.iter().collect::<BTreeSet<_>>(), expected.map(String::from).iter().collect());
    assert_eq!(found.len(), expected.len());
}

#[test]
fn lines_are_reported() {
    let found = arrows("\n\nuse crate::engine::A;\n", &["tags".to_owned()]).unwrap();
    assert_eq!(found, BTreeSet::from([Arrow { line: 3, target: "engine".to_owned() }]));
}
