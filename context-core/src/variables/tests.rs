use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::context::{AsyncClientContext, Context, ContextModel as _, SyncClientContext};
use crate::secret::Secret;
use crate::settings::Settings;

/// A home of one test, which is removed at its end.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("context/variables.json")
    }

    /// Runs `f` without a server, with this home or one below it.
    fn run<R>(&self, below: &str, f: impl FnOnce() -> R) -> R {
        let settings = Settings::default().with_home(self.0.path().join(below));
        let client = SyncClientContext::new(Client::local());
        SettingsContext::new(settings).in_scope(|| client.in_scope(f))
    }
}

fn names(file: &Path) -> Vec<String> {
    let content: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    content["variables"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_variable_is_there_until_it_is_unset() {
    let home = Home::new();
    let kept = home.run("", || {
        assert_eq!(get_blocking("size"), Ok(None));
        assert_eq!(get_or_blocking("size", 7), Ok(7));
        set("size", 100).tags(["import"]).set_blocking().unwrap();
        assert_eq!(get_blocking("size"), Ok(Some(json!(100))));
        assert_eq!(get_or_blocking("size", 7), Ok(100));
        std::fs::read_to_string(home.file()).unwrap()
    });
    assert_eq!(
        serde_json::from_str::<Value>(&kept).unwrap(),
        json!({ "version": 1, "variables": { "size": { "value": 100, "tags": ["import"] } } })
    );
    home.run("", || {
        assert_eq!(unset_blocking("size"), Ok(true), "another program with this home sees it");
        assert_eq!(unset_blocking("size"), Ok(false));
        assert_eq!(get_blocking("size"), Ok(None));
    });
}

#[tokio::test]
async fn what_there_is_is_changed_only_on_request() {
    let home = Home::new();
    let settings = SettingsContext::new(Settings::default().with_home(home.0.path()));
    let client = AsyncClientContext::new(Client::local());
    let program = async {
        set("v", json!({ "a": 1 })).await?;
        let refused = set("v", 7).await;
        assert_eq!(refused, Err(VariableError::Exists { name: "v".to_owned() }));
        assert_eq!(get("v").await?, Some(json!({ "a": 1 })));
        set("v", 7).overwrite(true).await?;
        assert_eq!(get_as::<u8>("v").await?, Some(7));
        // A variable may be null, and is there then.
        set("null", ()).await?;
        assert_eq!(get("null").await?, Some(Value::Null));
        assert_eq!(get_as::<Option<u8>>("null").await?, Some(None));
        unset("v").await
    };
    let ended = settings.scope(async { client.scope(program).await }).await;
    assert_eq!(ended, Ok(true));
    assert!(home.file().exists());
}

#[test]
fn names_and_values_are_checked_as_prefect_checks_them() {
    let home = Home::new();
    home.run("", || {
        let text = |set: SetVariable| set.set_blocking().unwrap_err().to_string();
        assert_eq!(
            text(set("Size", 1)),
            "the variable name \"Size\" has the character 'S', but only lower case letters, digits, dashes and underscores are allowed"
        );
        assert_eq!(text(set("", 1)), "a variable has an empty name; give it one such as `batch_size`");
        set("a".repeat(255), 1).set_blocking().unwrap();
        let long = text(set("a".repeat(256), 1));
        assert!(long.ends_with("has 256 characters, but at most 255 are allowed"), "{long}");
        // With its quotes.
        set("large", "x".repeat(4998)).set_blocking().unwrap();
        assert_eq!(
            text(set("larger", "x".repeat(4999))),
            "the value of variable `larger` has 5001 bytes as JSON, but at most 5000 are allowed; \
             keep it elsewhere, and where in the variable"
        );
        assert_eq!(
            text(set("secret", Secret::new("s"))),
            "the value of variable `secret` cannot be written as JSON: a secret is never written"
        );
        set("a-b_1", f64::NAN).set_blocking().unwrap();
        assert_eq!(get_blocking("a-b_1"), Ok(Some(Value::Null)));
    });
    assert_eq!(names(&home.file()).len(), 3);
}

#[test]
fn a_value_of_another_form_is_an_error_that_names_both() {
    let home = Home::new();
    home.run("", || {
        set("size", "many").set_blocking().unwrap();
        let error = get_as_blocking::<u32>("size").unwrap_err().to_string();
        assert_eq!(
            error,
            "the value of variable `size` is no `u32`: invalid type: string \"many\", expected u32"
        );
    });
}

#[test]
fn changes_of_many_threads_do_not_undo_each_other() {
    let home = Home::new();
    home.run("", || {
        let here = Context::current();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let here = &here;
                scope.spawn(move || {
                    here.run(|| {
                        for n in 0..10 {
                            set(format!("t{thread}-{n}"), n).set_blocking().unwrap();
                        }
                    });
                });
            }
        });
    });
    assert_eq!(names(&home.file()).len(), 80);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    home.run("", || set("a", 1).set_blocking().unwrap());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home.file()), mode(home.file().parent().unwrap())), (0o600, 0o700));
}

#[test]
fn a_damaged_file_is_an_error_and_is_left_alone() {
    let home = Home::new();
    let file = home.file();
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    for (content, text) in [
        ("{", "mend the file, or delete it to begin anew"),
        (r#"{"version":2,"variables":{}}"#, "update the crate `context`"),
    ] {
        std::fs::write(&file, content).unwrap();
        home.run("", || {
            for error in [get_blocking("a").map(drop), set("a", 1).set_blocking()] {
                let error = error.unwrap_err().to_string();
                assert!(error.contains("variables.json") && error.ends_with(text), "{error}");
            }
        });
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    }
    // A home that cannot be one.
    std::fs::write(home.0.path().join("file"), "").unwrap();
    home.run("file/home", || {
        assert_eq!(get_blocking("a"), Ok(None), "there is nothing");
        let error = set("a", 1).set_blocking().unwrap_err().to_string();
        assert!(error.contains("PREFECT_HOME"), "{error}");
    });
}
