//! Where results go, in which form, and under which key.
//!
//! URLs and paths are not judged: which of them exist depends on features and on the machine.

use proc_macro2::Ident;
use syn::{Expr, Lit, LitStr};

use super::{Value, literal, text_literal, written};
use crate::diagnostics::{Sink, list, nearest};

/// The serializers that have a name.
const SERIALIZERS: [&str; 2] = ["json", "compressed/json"];

/// Where results are kept: text, or something that is a storage.
pub(crate) fn storage(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    let right = format!("write `{option} = \"s3://bucket/results\"`, or the path of a directory");
    if let Some(text) = given_text(&value, &format!("`{option}` is a URL or a path: {right}"), sink)
        && text.value().is_empty()
    {
        sink.at(text, format!("`{option}` is empty: {right}"));
    }
    written(value)
}

/// How values become bytes: a name, or something that is a serializer.
pub(crate) fn serializer(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    let right = format!("write `{option} = \"json\"`");
    if let Some(text) =
        given_text(&value, &format!("`{option}` is a name or a serializer: {right}"), sink)
    {
        let name = text.value();
        if let Some(problem) = serializer_problem(&name) {
            sink.at(text, problem);
        }
    }
    written(value)
}

/// The name of a record: a template.
pub(crate) fn storage_key(option: &Ident, value: Expr, sink: &mut Sink) -> Value {
    let right = format!("write `{option} = \"report-{{parameters[day]}}.json\"`");
    if let Some(text) = given_text(&value, &format!("`{option}` is text: {right}"), sink)
        && text.value().is_empty()
    {
        sink.at(text, format!("`{option}` is empty: {right}"));
    }
    written(value)
}

/// The text of a literal; any other literal is the mistake `wrong`.
fn given_text<'a>(value: &'a Expr, wrong: &str, sink: &mut Sink) -> Option<&'a LitStr> {
    if let Some(other) = literal(value).filter(|literal| !matches!(literal, Lit::Str(_))) {
        sink.at(other, wrong);
    }
    text_literal(value)
}

/// What is wrong with the name of a serializer.
fn serializer_problem(name: &str) -> Option<String> {
    if SERIALIZERS.contains(&name) {
        return None;
    }
    let json = match name {
        "pickle" => "json",
        "compressed/pickle" => "compressed/json",
        _ => {
            let guess = match nearest(name, SERIALIZERS) {
                Some(near) => format!("did you mean `{near}`? "),
                None => String::new(),
            };
            return Some(format!(
                "no serializer is called `{name}`; {guess}there are {}; another one is given as a value, not by name",
                list(SERIALIZERS)
            ));
        }
    };
    Some(format!(
        "`{name}` is a format of Python's that only Python reads; write \"{json}\", which both languages read"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serializers_are_known_by_name() {
        assert_eq!(serializer_problem("json"), None);
        assert_eq!(serializer_problem("compressed/json"), None);
        for (name, part) in [
            ("pickle", "write \"json\""),
            ("compressed/pickle", "write \"compressed/json\""),
            ("jsno", "did you mean `json`"),
            ("", "no serializer is called ``; there are `json`, `compressed/json`"),
        ] {
            let problem = serializer_problem(name).expect("a problem");
            assert!(problem.contains(part), "{problem}");
        }
    }
}
