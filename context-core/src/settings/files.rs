//! Files of settings: `.env`, `prefect.toml` and `pyproject.toml`.
//!
//! A file that is not there says nothing. What is wrong with one is a problem, and the file is ignored.

use std::path::Path;
use std::sync::Arc;

use toml_edit::{Document, Item, TableLike, Value};

use super::by_name::row;
use super::dotenv::DotEnv;
use super::error::{SettingPlace, SettingSource, SettingsError};
use super::kind::Shape;
use super::prefects::is_prefects;
use super::raw::{Form, Raw};
use super::reader::{Found, Said, Source};
use super::source::first;
use super::table::Row;

/// What a file says of settings.
pub(super) struct File {
    kind: SettingSource,
    path: Arc<Path>,
    contents: Contents,
}

enum Contents {
    Variables(DotEnv),
    Settings(Vec<Entry>),
}

/// A value below the table of settings.
struct Entry {
    /// The keys on the way there, joined by points.
    path: String,
    value: Raw,
    line: Option<usize>,
}

impl File {
    /// Reads `.env`; `environment` knows the variables of the process.
    pub(super) fn dot_env(
        path: &Path,
        environment: impl Fn(&str) -> Option<String>,
        problems: &mut Vec<SettingsError>,
    ) -> Self {
        let text = text(path).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let variables = DotEnv::parse(text.as_deref().unwrap_or_default(), environment);
        for &line in &variables.wrong_lines {
            problems.push(SettingsError::Malformed {
                path: path.to_owned(),
                line: Some(line),
                reason: "is not of the form NAME=value".to_owned(),
            });
        }
        let contents = Contents::Variables(variables);
        Self { kind: SettingSource::DotEnv, path: path.into(), contents }
    }

    /// Reads the table that `keys` lead to. What stands in it and is no setting is a problem.
    pub(super) fn toml(
        kind: SettingSource,
        path: &Path,
        keys: &[&str],
        problems: &mut Vec<SettingsError>,
    ) -> Self {
        let mut file = Self { kind, path: path.into(), contents: Contents::Settings(Vec::new()) };
        match document(path).and_then(|document| match document {
            Some(document) => file.entries(&document, keys),
            None => Ok(Vec::new()),
        }) {
            Ok(entries) => {
                problems.extend(entries.iter().filter_map(|entry| file.unknown(entry)));
                file.contents = Contents::Settings(entries);
            }
            Err(problem) => problems.push(problem),
        }
        file
    }

    fn entries(
        &self,
        document: &Document<String>,
        keys: &[&str],
    ) -> Result<Vec<Entry>, SettingsError> {
        let mut table: &dyn TableLike = document.as_table();
        for (depth, key) in keys.iter().enumerate() {
            let Some(item) = table.get(key) else { return Ok(Vec::new()) };
            table = item.as_table_like().ok_or_else(|| SettingsError::Malformed {
                path: self.path.to_path_buf(),
                line: line_of(document, item),
                reason: format!("has `{}`, which must be a table", keys[..=depth].join(".")),
            })?;
        }
        let mut entries = Vec::new();
        collect(document, table, "", &mut entries);
        Ok(entries)
    }

    /// That an entry is no setting, unless it is one that only Prefect has a use for.
    fn unknown(&self, entry: &Entry) -> Option<SettingsError> {
        let variable = format!("PREFECT_{}", entry.path.replace('.', "_").to_uppercase());
        let is_known = is_prefects(&variable) || row(&entry.path).is_some();
        (!is_known).then(|| SettingsError::Unknown {
            name: entry.path.clone(),
            place: self.place(entry.line),
        })
    }

    fn place(&self, line: Option<usize>) -> SettingPlace {
        SettingPlace { profile: None, file: Some(self.path.clone()), line }
    }
}

impl Source for File {
    fn kind(&self) -> SettingSource {
        self.kind
    }

    fn find(&self, row: &Row) -> Option<Found> {
        match &self.contents {
            Contents::Variables(variables) => first(row, |name| {
                let found = variables.get(name)?;
                Some((found.value.clone(), self.place(Some(found.line))))
            }),
            Contents::Settings(entries) => {
                let entry = entries.iter().find(|entry| entry.path == row.path)?;
                let said = entry.value.said(row);
                Some(Found { name: entry.path.clone(), said, place: self.place(entry.line) })
            }
        }
    }
}

/// All that stands in a table and the tables in it, up to what may be a setting.
fn collect(
    document: &Document<String>,
    table: &dyn TableLike,
    above: &str,
    entries: &mut Vec<Entry>,
) {
    for (key, item) in table.iter() {
        let path = if above.is_empty() { key.to_owned() } else { format!("{above}.{key}") };
        let is_setting = row(&path).is_some_and(|row| row.shape == Shape::Table);
        match item.as_table_like() {
            Some(table) if !is_setting => collect(document, table, &path, entries),
            _ => entries.push(Entry { path, value: Raw::of(item), line: line_of(document, item) }),
        }
    }
}

/// The text of a file, if there is one.
pub(super) fn text(path: &Path) -> Result<Option<String>, SettingsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(SettingsError::Unreadable { path: path.to_owned(), reason: error.to_string() })
        }
    }
}

/// A file of TOML, if there is one.
pub(super) fn document(path: &Path) -> Result<Option<Document<String>>, SettingsError> {
    let Some(text) = text(path)? else { return Ok(None) };
    let lines = text.clone();
    Document::parse(text).map(Some).map_err(|error| SettingsError::Malformed {
        path: path.to_owned(),
        line: error.span().map(|span| line_at(&lines, span.start)),
        // Without the line itself, which may hold a secret.
        reason: format!("is not valid TOML: {}", error.message().replace('\n', ", ")),
    })
}

/// The line on which an item begins, counted from 1.
pub(super) fn line_of(document: &Document<String>, item: &Item) -> Option<usize> {
    item.span().map(|span| line_at(document.raw(), span.start))
}

fn line_at(text: &str, at: usize) -> usize {
    let before = &text.as_bytes()[..at.min(text.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

impl Raw {
    pub(super) fn of(item: &Item) -> Self {
        match item {
            Item::Value(value) => Self::of_value(value),
            item => match item.as_table_like() {
                Some(table) => Self::of_table(table),
                None => Self { text: String::new(), form: Form::Other },
            },
        }
    }

    fn of_value(value: &Value) -> Self {
        let scalar = |text: String| Self { text, form: Form::Scalar };
        match value {
            Value::String(text) => Self::text(text.value()),
            Value::Integer(number) => scalar(number.value().to_string()),
            Value::Float(number) => scalar(number.value().to_string()),
            Value::Boolean(truth) => scalar(truth.value().to_string()),
            Value::Datetime(time) => Self { text: time.value().to_string(), form: Form::Other },
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(Self::of_value).collect();
                let are_plain =
                    items.iter().all(|item| matches!(item.form, Form::Text | Form::Scalar));
                let texts: Vec<_> = items.into_iter().map(|item| item.text).collect();
                let form = if are_plain { Form::List } else { Form::Other };
                Self { text: format!("[{}]", texts.join(", ")), form }
            }
            Value::InlineTable(table) => Self::of_table(table),
        }
    }

    /// Texts by name, as JSON.
    fn of_table(table: &dyn TableLike) -> Self {
        let mut form = Form::Table;
        let mut texts = serde_json::Map::new();
        for (key, item) in table.iter() {
            let item = Self::of(item);
            if item.form != Form::Text {
                form = Form::Other;
            }
            texts.insert(key.to_owned(), item.text.into());
        }
        Self { text: serde_json::Value::Object(texts).to_string(), form }
    }

    /// What this says of a setting.
    pub(super) fn said(&self, row: &Row) -> Said {
        if !self.fits(row.shape) {
            Said::Wrong(self.text.clone())
        } else if self.text.trim().is_empty() {
            Said::Nothing
        } else {
            Said::Text(self.text.clone())
        }
    }
}
