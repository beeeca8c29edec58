//! `.env` files, as the library that Prefect uses reads them.
//!
//! A line is `NAME=value`, perhaps after `export`. A value is plain up to ` #`, or stands in quotes, where it may have
//! several lines; `\n` and the like are escapes in double quotes. `${NAME}` and `${NAME:-default}` stand for a variable: of
//! the file, if it is further up, else of the process.
//!
//! This module does not know which names are settings.

use std::borrow::Cow;

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct DotEnv {
    /// In the order of the file; of several with one name, the last one counts.
    pub(super) variables: Vec<Variable>,
    /// The lines that cannot be read, counted from 1.
    pub(super) wrong_lines: Vec<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) line: usize,
}

impl DotEnv {
    /// Reads `text`; `environment` knows the variables of the process.
    pub(super) fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Self {
        let mut file = Self::default();
        let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                return file;
            }
            let line = 1 + text[..text.len() - rest.len()].matches('\n').count();
            match binding(rest) {
                Ok((bound, after)) => {
                    rest = after;
                    if let Some((name, value)) = bound {
                        let value = file.expand(&value, &environment);
                        file.variables.push(Variable { name: name.to_owned(), value, line });
                    }
                }
                Err(Wrong(after)) => {
                    rest = after.find(['\n', '\r']).map_or("", |end| &after[end..]);
                    file.wrong_lines.push(line);
                }
            }
        }
    }

    /// The value that counts.
    pub(super) fn get(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().rfind(|variable| variable.name.eq_ignore_ascii_case(name))
    }

    fn expand(&self, value: &str, environment: impl Fn(&str) -> Option<String>) -> String {
        let mut expanded = String::new();
        let mut rest = value;
        while let Some(start) = rest.find("${") {
            let Some(length) = rest[start..].find('}') else { break };
            let inner = &rest[start + 2..start + length];
            let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
            expanded.push_str(&rest[..start]);
            if name.contains(':') {
                // No name: it stays as it is.
                expanded.push_str(&rest[start..=start + length]);
            } else {
                let own = self.variables.iter().rfind(|variable| variable.name == name);
                let own = own.map(|variable| variable.value.clone());
                expanded.push_str(
                    &own.or_else(|| environment(name)).unwrap_or_else(|| default.to_owned()),
                );
            }
            rest = &rest[start + length + 1..];
        }
        expanded + rest
    }
}

/// The place from which a statement cannot be read on. What follows on its line is skipped.
struct Wrong<'a>(&'a str);

type Bound<'a> = Option<(&'a str, Cow<'a, str>)>;

/// One statement and what follows it: a comment, a name without a value, or a name with one.
fn binding(text: &str) -> Result<(Bound<'_>, &str), Wrong<'_>> {
    let text = match text.strip_prefix("export") {
        Some(rest) if rest.starts_with(is_blank) => rest.trim_start_matches(is_blank),
        _ => text,
    };
    let (name, rest) = match text.strip_prefix('\'') {
        _ if text.starts_with('#') => return Ok((None, end_of_line(text)?)),
        Some(quoted) => {
            let name = quoted.split_once('\'').filter(|(name, _)| !name.is_empty());
            name.ok_or(Wrong(text))?
        }
        None => {
            let end = text.find(|c: char| c == '=' || c == '#' || c.is_whitespace());
            text.split_at(end.unwrap_or(text.len()))
        }
    };
    if name.is_empty() {
        return Err(Wrong(text));
    }
    let rest = rest.trim_start_matches(is_blank);
    let Some(given) = rest.strip_prefix('=') else {
        return Ok((None, end_of_line(rest)?));
    };
    let rest = given.trim_start_matches(is_blank);
    let (value, rest) = match rest.starts_with('#') && rest.len() < given.len() {
        true => (Cow::Borrowed(""), rest),
        false => value(rest)?,
    };
    Ok((Some((name, value)), end_of_line(rest)?))
}

fn value(text: &str) -> Result<(Cow<'_, str>, &str), Wrong<'_>> {
    match text.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let inner = &text[1..];
            let end = closing(inner, quote).ok_or(Wrong(text))?;
            Ok((unescaped(&inner[..end], quote), &inner[end + 1..]))
        }
        _ => {
            let (line, rest) = text.split_at(text.find(['\n', '\r']).unwrap_or(text.len()));
            let pairs = line.char_indices().zip(line.chars().skip(1));
            let mut comments = pairs.filter(|((_, c), next)| c.is_whitespace() && *next == '#');
            let end = comments.next().map_or(line.len(), |((at, _), _)| at);
            Ok((line[..end].trim_end().into(), rest))
        }
    }
}

/// Where the quote ends. A backslash hides what follows it.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut is_hidden = false;
    text.char_indices().find_map(|(at, c)| {
        let ends = c == quote && !is_hidden;
        is_hidden = c == '\\' && !is_hidden;
        ends.then_some(at)
    })
}

fn unescaped(text: &str, quote: char) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut result = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let mut ahead = chars.clone();
        let meant = match (c, ahead.next()) {
            ('\\', Some(next @ ('\\' | '\''))) => Some(next),
            ('\\', Some(next)) if quote == '"' => match next {
                '"' => Some('"'),
                'a' => Some('\x07'),
                'b' => Some('\x08'),
                'f' => Some('\x0c'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'v' => Some('\x0b'),
                _ => None,
            },
            _ => None,
        };
        if meant.is_some() {
            chars = ahead;
        }
        result.push(meant.unwrap_or(c));
    }
    result.into()
}

/// What follows the line, if there is nothing more on it but a comment.
fn end_of_line(text: &str) -> Result<&str, Wrong<'_>> {
    let rest = text.trim_start_matches(is_blank);
    let rest = match rest.strip_prefix('#') {
        Some(comment) => comment.find(['\n', '\r']).map_or("", |end| &comment[end..]),
        None => rest,
    };
    let is_end = rest.is_empty() || rest.starts_with(['\n', '\r']);
    is_end.then_some(rest).ok_or(Wrong(rest))
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() && c != '\n' && c != '\r'
}

#[cfg(test)]
mod tests;
