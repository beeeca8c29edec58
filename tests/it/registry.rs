//! The registry of definitions.

use context::registry::{self, RegistryError};
use context::{flow, task};

/// Reads one page.
#[task(name = "read a page", version = "2")]
async fn registered_task(url: String) -> usize {
    url.len()
}

#[flow(description = "said otherwise")]
fn registered_flow() {}

mod one {
    #[context::flow]
    pub(super) fn same_name() {}
}

mod other {
    #[context::flow(name = "same-name")]
    pub(super) fn other_name() {}
}

#[test]
fn definitions_are_found_by_name() {
    let flow = registry::flow("registered-flow").unwrap();
    assert_eq!(flow.description(), "said otherwise");
    assert_eq!(flow.version(), flow.meta().source_hash);
    let task = registry::task(&registered_task::definition().task_key()).unwrap();
    assert_eq!((task.name(), task.description()), ("read a page", "Reads one page."));
    assert_eq!(task.meta().parameters, ["url"]);
    assert!(task.task_key().starts_with("registered_task-"));
}

#[test]
fn a_name_that_two_flows_have_is_an_error_that_names_both_places() {
    one::same_name();
    other::other_name();
    let error = registry::flow("same-name").unwrap_err();
    let RegistryError::Duplicate { locations, .. } = &error else { panic!("{error}") };
    assert_eq!(locations.len(), 2);
    assert!(
        error.to_string().contains("registry::one")
            && error.to_string().contains("registry::other")
    );
    assert!(registry::duplicates().contains(&error));
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
    let error = registry::flow("nowhere").unwrap_err().to_string();
    assert!(error.contains("`nowhere`") && error.contains("registered-flow"), "{error}");
}
