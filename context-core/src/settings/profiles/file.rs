//! `profiles.toml`: read as a whole, written with as few changes as possible.

use std::fs::{self, DirBuilder};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use tempfile::NamedTempFile;
use toml_edit::{Document, DocumentMut, Item, Table, TableLike};

use super::super::by_name::row;
use super::super::error::{SettingPlace, SettingsError};
use super::super::files::{document, line_of};
use super::super::raw::Raw;
use super::profile::{Origin, Profile};
use super::{ProfileError, ProfilesCollection};
use crate::secret::Secrets;

const ACTIVE: &str = "active";
const PROFILES: &str = "profiles";

/// What the file says, without the built-in profiles, if there is one.
pub(super) fn read(path: &Path) -> Result<Option<ProfilesCollection>, SettingsError> {
    let Some(document) = document(path)? else { return Ok(None) };
    let mut read = ProfilesCollection::default();
    let place: Arc<Path> = path.into();
    for (key, item) in document.iter() {
        match key {
            ACTIVE => {
                let name = item.as_str().ok_or_else(|| {
                    malformed(path, &document, item, "has `active`, which must be a name in quotes")
                })?;
                read.active = Some(name.to_owned());
            }
            PROFILES => {
                let profiles = item.as_table_like().ok_or_else(|| {
                    malformed(path, &document, item, "has `profiles`, which must be a table")
                })?;
                for (name, item) in profiles.iter() {
                    read.profiles.push(profile(&document, &place, name, item)?);
                }
            }
            _ => read.warnings.push(SettingsError::Unknown {
                name: key.to_owned(),
                place: SettingPlace {
                    profile: None,
                    file: Some(place.clone()),
                    line: line_of(&document, item),
                },
            }),
        }
    }
    Ok(Some(read))
}

fn profile(
    document: &Document<String>,
    path: &Arc<Path>,
    name: &str,
    item: &Item,
) -> Result<Profile, SettingsError> {
    let settings = item.as_table_like().ok_or_else(|| {
        let reason = format!("has `{PROFILES}.{name}`, which must be a table");
        malformed(path, document, item, &reason)
    })?;
    let mut profile = Profile::from(name, Origin::File(path.clone()));
    // Today's names first: an older one does not come before them.
    for are_present in [true, false] {
        for (name, item) in settings.iter() {
            let is_present = row(name).is_none_or(|row| row.variable == name);
            if is_present == are_present && (is_present || !profile.has(name)) {
                profile.set(name, Raw::of(item), line_of(document, item));
            }
        }
    }
    Ok(profile)
}

fn malformed(path: &Path, document: &Document<String>, item: &Item, reason: &str) -> SettingsError {
    let line = line_of(document, item);
    SettingsError::Malformed { path: path.to_owned(), line, reason: reason.to_owned() }
}

/// Writes what is not built in.
pub(super) fn write(path: &Path, profiles: &ProfilesCollection) -> Result<(), ProfileError> {
    // A link stays one.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // What is no file of profiles is not replaced by one.
    read(path)?;
    let mut text = document(path)?.map_or_else(DocumentMut::new, Document::into_mut);
    match profiles.active_name() {
        Some(name) => set(text.as_table_mut(), ACTIVE, name),
        None => drop(text.remove(ACTIVE)),
    }
    let mut table = Table::new();
    table.set_implicit(true);
    let tables = text.entry(PROFILES).or_insert(Item::Table(table));
    if let Some(tables) = tables.as_table_like_mut() {
        edit(tables, profiles);
    }
    replace(path, &text.to_string())
        .map_err(|error| ProfileError::NotWritten { path: path.clone(), reason: error.to_string() })
}

fn edit(tables: &mut dyn TableLike, profiles: &ProfilesCollection) {
    let own: Vec<_> = profiles.iter().filter(|profile| !profile.is_built_in()).collect();
    let names = |table: &dyn TableLike| -> Vec<String> {
        table.iter().map(|(name, _)| name.to_owned()).collect()
    };
    for name in names(tables) {
        if !own.iter().any(|profile| profile.name() == name) {
            tables.remove(&name);
        }
    }
    for profile in own {
        let item = tables.entry(profile.name()).or_insert_with(|| Item::Table(Table::new()));
        let Some(table) = item.as_table_like_mut() else { continue };
        for name in names(table) {
            if !profile.has(&name) {
                table.remove(&name);
            }
        }
        for (name, value) in profile.settings(Secrets::Included) {
            let written = names(table).into_iter().filter(|written| is_same(written, name));
            let mut written: Vec<_> = written.collect();
            // Where a setting stands under several names, today's counts.
            written.sort_by_key(|written| written != name);
            match written.first() {
                Some(first) if table.get(first).is_some_and(|item| Raw::of(item).text == value) => {
                }
                Some(first) if first == name => set(table, name, &value),
                _ => {
                    for older in &written {
                        table.remove(older);
                    }
                    set(table, name, &value);
                }
            }
        }
    }
}

/// True if both are names of one setting.
fn is_same(one: &str, other: &str) -> bool {
    let key = |name| row(name).map(|row| row.key);
    one == other || key(one).is_some_and(|one| key(other) == Some(one))
}

/// Sets a text, and keeps the comments beside it.
fn set(table: &mut (impl TableLike + ?Sized), name: &str, text: &str) {
    let mut value = toml_edit::Value::from(text);
    match table.get_mut(name) {
        Some(item) if Raw::of(item) == Raw::text(text) => {}
        Some(item) => {
            if let Some(present) = item.as_value() {
                *value.decor_mut() = present.decor().clone();
            }
            *item = Item::Value(value);
        }
        None => drop(table.insert(name, Item::Value(value))),
    }
}

/// Puts a new file in the place of the present one, if there is one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    make_directory(parent)?;
    // Of mode 0600.
    let mut file = NamedTempFile::new_in(parent)?;
    if let Ok(present) = fs::metadata(path) {
        file.as_file().set_permissions(present.permissions())?;
    }
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Makes a directory, and those above it, for their owner only.
pub(in super::super) fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
