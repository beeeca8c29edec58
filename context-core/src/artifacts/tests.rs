use super::*;
use crate::context::{ContextModel as _, SyncClientContext};
use crate::record::{MemoryRecorder, Recorded};

fn recorded<R>(f: impl FnOnce() -> R) -> (R, std::sync::Arc<MemoryRecorder>) {
    let (client, recorder) = Client::in_memory();
    let output = SyncClientContext::new(client).in_scope(f);
    (output, recorder)
}

/// What recorders are told of the only artifact: the event, how it is shown, and what.
fn told(artifact: NewArtifact) -> (Option<&'static str>, Value) {
    let (id, recorder) = recorded(|| artifact.create_blocking().unwrap());
    let events = recorder.events();
    let [Recorded::Artifact { event, id: told, kind, data, .. }] = events.as_slice() else {
        panic!("one artifact in {events:?}")
    };
    assert_eq!((*event, *told), ("prefect.artifact.created", id));
    (*kind, data.clone())
}

#[test]
fn each_kind_of_artifact_shows_what_prefects_does() {
    assert_eq!(told(create_markdown_artifact("# hi")), (Some("markdown"), "# hi".into()));
    let link = create_link_artifact("https://ex.com");
    let shown = "[https://ex.com](https://ex.com)";
    assert_eq!(told(link.clone()), (Some("markdown"), shown.into()));
    assert_eq!(told(link.link_text("x")), (Some("markdown"), "[x](https://ex.com)".into()));
    let table = create_table_artifact([[1]]);
    assert_eq!(told(table), (Some("table"), "[[1]]".into()));
    assert_eq!(told(create_progress_artifact(10.0)), (Some("progress"), 10.0.into()));
    let image = create_image_artifact("https://ex.com/a.png");
    assert_eq!(told(image), (Some("image"), "https://ex.com/a.png".into()));
}

#[test]
fn a_text_for_what_is_no_link_changes_nothing() {
    let (_, data) = told(create_markdown_artifact("# hi").link_text("x"));
    assert_eq!(data, "# hi");
}

#[test]
fn a_progress_is_between_0_and_100() {
    for (given, shown) in [(-1.0, 0.0), (0.0, 0.0), (100.0, 100.0), (f64::INFINITY, 100.0)] {
        assert_eq!(told(create_progress_artifact(given)).1, Value::from(shown), "{given}");
    }
    let refused = create_progress_artifact(f64::NAN).create_blocking();
    assert_eq!(refused, Err(ArtifactError::NotANumber));
}

#[test]
fn keys_have_only_the_characters_that_servers_allow() {
    let create = |key: &str| create_markdown_artifact("").key(key).create_blocking();
    let (results, recorder) =
        recorded(|| ["a-1", "Report", "a_b", "naïve", ""].map(|key| create(key).map(drop)));
    let texts = results.map(|result| result.map_err(|error| error.to_string()));
    let refused = |key: &str, character: &str| {
        Err(format!(
            "the artifact key {key:?} has the character '{character}', but only lower case letters, digits and dashes are allowed"
        ))
    };
    assert_eq!(
        texts,
        [
            Ok(()),
            refused("Report", "R"),
            refused("a_b", "_"),
            refused("naïve", "ï"),
            Err("an artifact key is empty; leave it out if there is to be none".to_owned()),
        ]
    );
    assert_eq!(recorder.events().len(), 1, "what is refused is told to nobody");
}

#[test]
fn a_change_is_told_with_what_has_changed() {
    let ((), recorder) = recorded(|| {
        let id = create_progress_artifact(0.0).key("prog").create_blocking().unwrap();
        let same = update_progress_artifact(id, 120.0).description("done").update_blocking();
        assert_eq!(same, Ok(id));
    });
    let Recorded::Artifact { event, key, kind, description, data, .. } = &recorder.events()[1]
    else {
        panic!("an artifact")
    };
    assert_eq!((*event, key, kind), ("prefect.artifact.updated", &None, &None));
    assert_eq!((description.as_deref(), data), (Some("done"), &Value::from(100.0)));
}
