use std::collections::BTreeSet;

/// The names of the functions that begin with `opening`.
fn names(source: &str, opening: &str) -> BTreeSet<String> {
    let after = source.lines().filter_map(|line| line.trim_start().strip_prefix(opening));
    after.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned).collect()
}

fn read(path: &str) -> String {
    let path = format!("{}/src/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|err| panic!("{path}: {err}"))
}

#[test]
fn each_async_method_has_one_that_waits() {
    let mut methods = names(&read("websocket.rs"), "pub async fn ");
    for file in std::fs::read_dir(format!("{}/src/client", env!("CARGO_MANIFEST_DIR"))).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        methods.extend(names(&read(&format!("client/{file}")), "pub async fn "));
    }
    assert!(methods.len() > 80, "the client's methods were not found: {methods:?}");

    let mut waiting = names(&read("blocking/methods.rs"), "fn ");
    waiting.extend(names(&read("blocking/websocket.rs"), "pub fn "));
    let missing: Vec<_> = methods.difference(&waiting).collect();
    assert!(missing.is_empty(), "BlockingPrefectClient lacks {missing:?}");
}
