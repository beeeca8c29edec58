//! Templates of run names: every `{field}` starts with the name of a parameter.
//!
//! What follows the name (`{user.name}`, `{rows[0]}`, `{day:>10}`) is core's: it depends on values.

use syn::LitStr;

use crate::diagnostics::{Sink, list, nearest};
use crate::model::Parameter;

/// Checks a template against the parameters it may name.
pub(crate) fn check(template: &LitStr, parameters: &[Parameter], sink: &mut Sink) {
    let names = || parameters.iter().map(|parameter| parameter.recorded.as_str());
    let fields = match fields(&template.value()) {
        Ok(fields) => fields,
        Err(problem) => {
            sink.at(template, problem);
            return;
        }
    };
    for field in fields {
        if names().any(|name| name == field) {
            continue;
        }
        let guess = match nearest(&field, names()) {
            Some(near) => format!("did you mean `{near}`? "),
            None => String::new(),
        };
        let known = if parameters.is_empty() {
            "the function has none".to_owned()
        } else {
            format!("parameters are: {}", list(names()))
        };
        sink.at(template, format!("`{{{field}}}` is not a parameter; {guess}{known}"));
    }
}

/// The roots of the fields in a template, in order.
fn fields(template: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (brace, after) = rest[at..].split_at(1);
        if let Some(escaped) = after.strip_prefix(brace) {
            rest = escaped;
            continue;
        }
        if brace == "}" {
            return Err("`}` has no `{` before it; write `}}` for the character itself".to_owned());
        }
        let Some((field, after)) = after.split_once('}') else {
            return Err("`{` has no `}` behind it; write `{{` for the character itself".to_owned());
        };
        let root = field.split(['.', '[', ':', '!']).next().unwrap_or_default().trim();
        if root.is_empty() {
            return Err("`{}` names no parameter; write `{parameter}`".to_owned());
        }
        fields.push(root.to_owned());
        rest = after;
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn fields_are_found_and_escapes_are_not_fields() {
        assert_eq!(
            fields("load {day} of {user.name} {rows[0]} {x:>4} {{kept}}"),
            Ok(vec!["day".into(), "user".into(), "rows".into(), "x".into()])
        );
    }

    #[test]
    fn unbalanced_braces_are_reported() {
        assert!(fields("{day").is_err());
        assert!(fields("day}").is_err());
        assert!(fields("{}").is_err());
    }
}
