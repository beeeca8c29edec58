//! Templates of run names: every `{field}` starts with the name of a parameter.
//!
//! What follows the name (`{user.name}`, `{rows[0]}`, `{day:>10}`) is core's: it depends on values.

use syn::LitStr;

use super::template::{fields, root};
use crate::diagnostics::{Sink, list, nearest};
use crate::model::Parameter;

/// Checks a template against the parameters it may name.
pub(crate) fn check(template: &LitStr, parameters: &[Parameter], sink: &mut Sink) {
    let text = template.value();
    let fields = match fields(&text, "parameter") {
        Ok(fields) => fields,
        Err(problem) => {
            sink.at(template, problem);
            return;
        }
    };
    for field in fields.into_iter().map(root) {
        if let Some(instead) = missing(field, parameters) {
            sink.at(template, format!("`{{{field}}}` is not a parameter; {instead}"));
        }
    }
}

/// What to say of a name that no parameter has: the nearest one, and all.
pub(super) fn missing(name: &str, parameters: &[Parameter]) -> Option<String> {
    let names = || parameters.iter().map(|parameter| parameter.recorded.as_str());
    if names().any(|known| known == name) {
        return None;
    }
    let guess = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    let known = if parameters.is_empty() {
        "the function has none".to_owned()
    } else {
        format!("parameters are: {}", list(names()))
    };
    Some(format!("{guess}{known}"))
}
