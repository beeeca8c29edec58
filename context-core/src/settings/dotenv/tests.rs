use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn environment(name: &str) -> Option<String> {
    (name == "OUTER").then(|| "outside".to_owned())
}

/// The last value of each name.
fn read(text: &str) -> BTreeMap<String, String> {
    let file = DotEnv::parse(text, environment);
    file.variables.into_iter().map(|variable| (variable.name, variable.value)).collect()
}

/// What python-dotenv, which Prefect uses, makes of each file.
#[test]
fn files_are_read_as_prefect_reads_them() {
    let files: &[(&str, &[(&str, &str)])] = &[
        ("A=1", &[("A", "1")]),
        ("A = 1 ", &[("A", "1")]),
        ("export A=1\nexport\tB=2", &[("A", "1"), ("B", "2")]),
        ("A='x y'  # c", &[("A", "x y")]),
        ("A=\"x y\" # c", &[("A", "x y")]),
        ("A=x y # c", &[("A", "x y")]),
        ("A=x#y", &[("A", "x#y")]),
        ("A=#y", &[("A", "#y")]),
        ("A= # c", &[("A", "")]),
        ("A=", &[("A", "")]),
        ("A=\nB=2", &[("A", ""), ("B", "2")]),
        ("A", &[]),
        ("A\nB=1", &[("B", "1")]),
        ("# c\nA=1\r\nB=2\r\n", &[("A", "1"), ("B", "2")]),
        ("A='a\nb'\nB=1", &[("A", "a\nb"), ("B", "1")]),
        ("A=\"a\\nb\\t\\\"q\\\" \\x\"", &[("A", "a\nb\t\"q\" \\x")]),
        ("A='a\\nb \\' \\\\'", &[("A", "a\\nb ' \\")]),
        ("A=\"a\\\\\"\nB=1", &[("A", "a\\"), ("B", "1")]),
        ("'A B'=1", &[("A B", "1")]),
        ("A=${B}", &[("A", "")]),
        ("B=1\nA=${B}-${OUTER}", &[("B", "1"), ("A", "1-outside")]),
        ("A=${C:-d}", &[("A", "d")]),
        ("A=${C}x", &[("A", "x")]),
        ("A='${OUTER}'", &[("A", "outside")]),
        ("OUTER=in\nA=${OUTER}", &[("OUTER", "in"), ("A", "in")]),
        ("A=1\nA=2", &[("A", "2")]),
        ("A='unterminated\nB=2", &[("B", "2")]),
        ("A=\"x\" junk\nB=2", &[("B", "2")]),
        ("=1\nB=2", &[("B", "2")]),
        ("A B=1\nC=2", &[("C", "2")]),
        ("A='x\ny' junk\nB=2", &[("B", "2")]),
        ("  A=1\n\n  # x\n  B=2", &[("A", "1"), ("B", "2")]),
        ("A=$B", &[("A", "$B")]),
        ("A=${B", &[("A", "${B")]),
        ("A=${B:c}x", &[("A", "${B:c}x")]),
        ("A=\u{e9}\u{a0}", &[("A", "\u{e9}")]),
        ("exportA=1", &[("exportA", "1")]),
        ("export=1", &[("export", "1")]),
        ("A==b", &[("A", "=b")]),
        ("A=\"\"", &[("A", "")]),
        ("''=1\nB=1", &[("B", "1")]),
        ("A=x\\ny", &[("A", "x\\ny")]),
        ("A=\u{3000}x\u{3000}#y", &[("A", "x")]),
        ("\u{feff}A=1", &[("A", "1")]),
    ];
    for (text, expected) in files {
        let expected: BTreeMap<_, _> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(read(text), expected, "{text:?}");
    }
}

#[test]
fn lines_are_counted_and_wrong_ones_reported() {
    let file = DotEnv::parse("# first\n\nA='a\nb'\nB C=1\nD=2\n=3\n", environment);
    let lines: Vec<_> = file.variables.iter().map(|v| (v.name.as_str(), v.line)).collect();
    assert_eq!(lines, [("A", 3), ("D", 6)]);
    assert_eq!(file.wrong_lines, [5, 7]);
}

#[test]
fn the_last_of_several_counts_in_any_case() {
    let file = DotEnv::parse("A=1\na=2", environment);
    assert_eq!(file.get("A").unwrap().value, "2");
    assert_eq!(file.get("B"), None);
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end(text in any::<String>()) {
        DotEnv::parse(&text, environment);
    }

    #[test]
    fn any_statements_are_read_to_their_end(text in r#"([A-C'"=# \\$\{\}:\-\n]|export ){0,40}"#) {
        DotEnv::parse(&text, environment);
    }

    #[test]
    fn a_quoted_value_is_the_value(value in "[a-z =#'\n]*") {
        let read = read(&format!("A=\"{value}\"\nB=1"));
        prop_assert_eq!(&read["A"], &value);
        prop_assert_eq!(&read["B"], "1");
    }
}
