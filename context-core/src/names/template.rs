//! Templates of run names: `"load {day} {user.name} {rows[0]}"`.

use std::fmt;

use serde_json::Value;
use thiserror::Error;

use crate::parameters::Parameters;

/// A run name with fields for parameters.
///
/// A field is the name of a parameter in braces. `{user.name}` and `{user[name]}` read a member,
/// `{rows[0]}` an element. Text is inserted as it is, every other value as JSON. `{{` and `}}` are
/// literal braces. Formats such as Python's `{day:%A}` are not supported.
///
/// # Examples
///
/// ```
/// use context_core::names::RunNameTemplate;
/// use context_core::parameters::Parameters;
///
/// let template = RunNameTemplate::new("load {day} of {user.name}")?;
/// let user = serde_json::json!({ "name": "ann" });
/// let parameters = Parameters::from_iter([("day", 3.into()), ("user", user)]);
/// assert_eq!(template.render(&parameters)?, "load 3 of ann");
/// # Ok::<(), context_core::names::TemplateError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RunNameTemplate {
    parts: Box<[Part]>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Field(Field),
}

#[derive(Clone, PartialEq, Eq)]
struct Field {
    /// As it was written, for error messages.
    text: String,
    parameter: String,
    path: Vec<Step>,
}

#[derive(Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

/// Why a text is not a template, or cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages say it")]
pub enum TemplateError {
    #[error(
        "the template has an unbalanced `{brace}` at byte {position}; a literal one is written twice"
    )]
    UnbalancedBrace { brace: char, position: usize },
    #[error("the template has a field without a name at byte {position}")]
    EmptyField { position: usize },
    #[error("the template has a bad index in field `{field}`: write `name[0]` or `name[key]`")]
    BadIndex { field: String },
    #[error("the template has a format in field `{field}`, which is not supported")]
    Format { field: String },
    #[error("the template has field `{field}`, but {}", known_parameters(.known))]
    UnknownParameter { field: String, known: Vec<String> },
    #[error("the template has field `{field}`, but that parameter has no such part")]
    UnknownPart { field: String },
}

fn known_parameters(known: &[String]) -> String {
    match known {
        [] => String::from("there are no parameters"),
        names => format!("the parameters are `{}`", names.join("`, `")),
    }
}

impl RunNameTemplate {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// Returns an error if braces do not match, or a field is empty, has a bad index or a format.
    /// Whether the parameters exist is only known when a run begins.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut position = 0;
        while let Some(offset) = text[position..].find(['{', '}']) {
            literal.push_str(&text[position..position + offset]);
            position += offset;
            let rest = &text[position..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                literal.push_str(&rest[..1]);
                position += 2;
                continue;
            }
            let Some(inner) = rest.strip_prefix('{') else {
                return Err(TemplateError::UnbalancedBrace { brace: '}', position });
            };
            let end = inner.find(['{', '}']).filter(|&end| inner[end..].starts_with('}'));
            let Some(end) = end else {
                return Err(TemplateError::UnbalancedBrace { brace: '{', position });
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Field(Field::new(&inner[..end], position)?));
            position += end + 2;
        }
        literal.push_str(&text[position..]);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts: parts.into() })
    }

    /// The name of a run with these parameters.
    ///
    /// # Errors
    ///
    /// Returns an error if a field names a parameter that does not exist, or a member or element
    /// that its value does not have.
    pub fn render(&self, parameters: &Parameters) -> Result<String, TemplateError> {
        use fmt::Write as _;

        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => name.push_str(text),
                Part::Field(field) => match field.find(parameters)? {
                    Value::String(text) => name.push_str(text),
                    value => write!(name, "{value}").expect("writing to a string cannot fail"),
                },
            }
        }
        Ok(name)
    }
}

impl RunNameTemplate {
    /// The text with `value` for every field.
    pub(crate) fn with_fields(&self, value: &str) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Field(_) => value,
        });
        parts.collect()
    }
}

impl Field {
    /// Parses what stands between braces, the first of which is at `position`.
    fn new(text: &str, position: usize) -> Result<Self, TemplateError> {
        let text = text.trim();
        if text.contains([':', '!']) {
            return Err(TemplateError::Format { field: text.to_owned() });
        }
        let bad_index = || TemplateError::BadIndex { field: text.to_owned() };
        let name_end = text.find(['.', '[', ']']).unwrap_or(text.len());
        let (parameter, mut rest) = text.split_at(name_end);
        if parameter.is_empty() {
            return Err(TemplateError::EmptyField { position });
        }
        let mut path = Vec::new();
        while !rest.is_empty() {
            if let Some(member) = rest.strip_prefix('.') {
                let end = member.find(['.', '[', ']']).unwrap_or(member.len());
                if end == 0 {
                    return Err(TemplateError::EmptyField { position });
                }
                path.push(Step::Member(member[..end].to_owned()));
                rest = &member[end..];
            } else {
                let index = rest.strip_prefix('[').ok_or_else(bad_index)?;
                let (index, after) = index.split_once(']').ok_or_else(bad_index)?;
                path.push(Step::index(index).ok_or_else(bad_index)?);
                rest = after;
            }
        }
        Ok(Self { text: text.to_owned(), parameter: parameter.to_owned(), path })
    }

    fn find<'a>(&self, parameters: &'a Parameters) -> Result<&'a Value, TemplateError> {
        let Some(mut value) = parameters.get(&self.parameter) else {
            let known = parameters.iter().map(|(name, _)| name.to_owned()).collect();
            return Err(TemplateError::UnknownParameter { field: self.text.clone(), known });
        };
        for step in &self.path {
            let part = match step {
                Step::Member(name) => value.get(name),
                Step::Element(index) => value.get(index),
            };
            value = part.ok_or_else(|| TemplateError::UnknownPart { field: self.text.clone() })?;
        }
        Ok(value)
    }
}

impl Step {
    /// What stands between brackets: digits are an element, other text is a member.
    fn index(text: &str) -> Option<Self> {
        if text.is_empty() || text.contains('[') {
            return None;
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Self::Element);
        }
        Some(Self::Member(text.to_owned()))
    }
}

impl fmt::Display for RunNameTemplate {
    /// The template, such that parsing it again gives an equal one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Literal(text) => {
                    f.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                Part::Field(field) => write!(f, "{{{}}}", field.text)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RunNameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunNameTemplate({:?})", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn render(template: &str) -> Result<String, TemplateError> {
        let parameters = Parameters::from_iter([
            ("day", json!("monday")),
            ("user", json!({ "name": "ann", "0": "zero" })),
            ("rows", json!([[1, 2], "x"])),
            ("none", json!(null)),
        ]);
        RunNameTemplate::new(template)?.render(&parameters)
    }

    #[test]
    fn fields_are_filled_in() {
        assert_eq!(render("").unwrap(), "");
        assert_eq!(render("load {day}!").unwrap(), "load monday!");
        assert_eq!(render("{user.name}{ rows[1] }").unwrap(), "annx");
        assert_eq!(render("{rows[0][1]} {user[name]}").unwrap(), "2 ann");
        assert_eq!(
            render("{rows} {none} {user}").unwrap(),
            r#"[[1,2],"x"] null {"0":"zero","name":"ann"}"#
        );
        assert_eq!(render("{{{day}}} }}{{").unwrap(), "{monday} }{");
        assert_eq!(render("tägl·{day}·ü").unwrap(), "tägl·monday·ü");
    }

    #[test]
    fn mistakes_in_a_template_are_found_early() {
        let error = |text: &str| RunNameTemplate::new(text).unwrap_err();
        assert_eq!(error("a {day"), TemplateError::UnbalancedBrace { brace: '{', position: 2 });
        assert_eq!(error("{a{b}}"), TemplateError::UnbalancedBrace { brace: '{', position: 0 });
        assert_eq!(error("day}"), TemplateError::UnbalancedBrace { brace: '}', position: 3 });
        for empty in ["{}", "{ }", "{.a}", "{a..b}", "{a.}", "{[0]}"] {
            assert_eq!(error(empty), TemplateError::EmptyField { position: 0 }, "{empty}");
        }
        for field in ["a[", "a]", "a[]", "a[0]b", "a[[0]]", "a[99999999999999999999999]"] {
            let expected = TemplateError::BadIndex { field: field.to_owned() };
            assert_eq!(error(&format!("{{{field}}}")), expected);
        }
        for field in ["a:>5", "a!r"] {
            let expected = TemplateError::Format { field: field.to_owned() };
            assert_eq!(error(&format!("{{{field}}}")), expected);
        }
    }

    #[test]
    fn what_does_not_exist_is_named() {
        assert_eq!(
            render("{night.x}").unwrap_err().to_string(),
            "the template has field `night.x`, but the parameters are `day`, `user`, `rows`, `none`"
        );
        let err = RunNameTemplate::new("{a}").unwrap().render(&Parameters::EMPTY).unwrap_err();
        assert!(err.to_string().ends_with("but there are no parameters"), "{err}");
        for field in ["user.age", "rows[2]", "rows[x]", "day[0]", "user[0]", "none.x"] {
            let expected = TemplateError::UnknownPart { field: field.to_owned() };
            assert_eq!(render(&format!("{{{field}}}")), Err(expected));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_template_or_an_error(text in "[a-z.{}0-9 é:\\[\\]]{0,20}") {
            if let Ok(template) = RunNameTemplate::new(&text) {
                let again = RunNameTemplate::new(&template.to_string());
                prop_assert_eq!(again, Ok(template));
            }
        }

        #[test]
        fn doubled_braces_are_literal(text in any::<String>()) {
            let escaped = text.replace('{', "{{").replace('}', "}}");
            let name = RunNameTemplate::new(&escaped).unwrap().render(&Parameters::EMPTY);
            prop_assert_eq!(name, Ok(text));
        }
    }
}
