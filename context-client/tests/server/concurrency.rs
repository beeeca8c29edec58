use std::time::Duration;

use context_client::PrefectClient;
use context_client::schema::{
    ConcurrencyLease, ConcurrencyMode, GlobalConcurrencyLimitCreate, GlobalConcurrencyLimitUpdate,
    HolderType, LeaseHolder, Query,
};

use crate::{new_id, shared, unique};

const MINUTE: Duration = Duration::from_mins(1);

async fn create(client: &PrefectClient, name: &str, limit: u64, decay: Option<f64>) {
    let limit = GlobalConcurrencyLimitCreate {
        name: name.to_owned(),
        limit,
        slot_decay_per_second: decay,
        ..GlobalConcurrencyLimitCreate::default()
    };
    client.create_global_concurrency_limit(&limit).await.unwrap();
}

async fn take(
    client: &PrefectClient,
    names: &[&str],
    slots: u32,
) -> Result<ConcurrencyLease, context_client::ApiError> {
    let holder = LeaseHolder { kind: HolderType::TaskRun, id: new_id() };
    let mode = ConcurrencyMode::Concurrency;
    let names = crate::texts(names);
    client.increment_concurrency_slots_with_lease(&names, slots, mode, MINUTE, Some(holder)).await
}

#[tokio::test]
async fn slots_are_taken_renewed_and_given_back() {
    let Some(client) = shared() else { return };
    let name = unique("lease");
    create(&client, &name, 2, None).await;
    let active = async || client.read_global_concurrency_limit(&name).await.unwrap().active_slots;

    let lease = take(&client, &[&name, "no-such-limit"], 2).await.unwrap();
    assert_eq!(lease.limits.len(), 1);
    assert_eq!((lease.limits[0].name.as_str(), lease.limits[0].limit), (name.as_str(), 2));
    assert_eq!(active().await, 2);
    client.renew_concurrency_lease(lease.lease_id, MINUTE).await.unwrap();

    let err = take(&client, &[&name], 1).await.unwrap_err();
    assert!(err.is_locked() && err.to_string().contains("423: Locked"), "{err}");
    assert!(err.retry_after().unwrap() > Duration::ZERO, "{err:?}");

    client.release_concurrency_slots_with_lease(lease.lease_id).await.unwrap();
    assert_eq!(active().await, 0);
    client.release_concurrency_slots_with_lease(lease.lease_id).await.unwrap();
    let err = client.renew_concurrency_lease(lease.lease_id, MINUTE).await.unwrap_err();
    assert_eq!(err.status(), Some(410), "{err}");

    let again = take(&client, &[&name], 1).await.unwrap();
    client.release_concurrency_slots_with_lease(again.lease_id).await.unwrap();
}

#[tokio::test]
async fn slots_without_a_lease_are_given_back_too() {
    let Some(client) = shared() else { return };
    let name = unique("no-lease");
    create(&client, &name, 1, None).await;
    let (names, mode) = ([name], ConcurrencyMode::Concurrency);
    for _ in 0..2 {
        let taken = client.increment_concurrency_slots(&names, 1, mode.clone()).await.unwrap();
        assert_eq!(taken[0].name, names[0]);
        let err = client.increment_concurrency_slots(&names, 1, mode.clone()).await.unwrap_err();
        assert!(err.is_locked(), "{err}");
        let held = Some(Duration::from_millis(500));
        client.release_concurrency_slots(&names, 1, held).await.unwrap();
    }
}

#[tokio::test]
async fn what_never_fits_is_an_error_and_what_does_not_exist_is_no_limit() {
    let Some(client) = shared() else { return };
    let name = unique("never");
    create(&client, &name, 1, None).await;
    let err = take(&client, &[&name], 2).await.unwrap_err();
    assert_eq!(err.status(), Some(422));
    assert!(err.to_string().contains("greater than the limit"), "{err}");
    assert!(take(&client, &[&unique("none")], 5).await.unwrap().limits.is_empty());
    let short = client
        .increment_concurrency_slots_with_lease(
            &[name],
            1,
            ConcurrencyMode::Concurrency,
            Duration::from_secs(1),
            None,
        )
        .await;
    assert_eq!(short.unwrap_err().status(), Some(422));
}

#[tokio::test]
async fn rates_are_limited_by_slots_that_come_back() {
    let Some(client) = shared() else { return };
    let name = unique("rate");
    create(&client, &name, 2, Some(0.01)).await;
    let take = async |slots| {
        let names = [name.clone()];
        client.increment_concurrency_slots(&names, slots, ConcurrencyMode::RateLimit).await
    };
    assert_eq!(take(2).await.unwrap()[0].name, name);
    assert!(take(1).await.unwrap_err().is_locked());

    // Without it, they would never come back.
    let other = unique("no-rate");
    create(&client, &other, 2, None).await;
    let err = client.increment_concurrency_slots(&[other], 1, ConcurrencyMode::RateLimit).await;
    assert_eq!(err.unwrap_err().status(), Some(422));
}

#[tokio::test]
async fn a_limit_is_created_changed_and_deleted() {
    let Some(client) = shared() else { return };
    let name = unique("global");
    create(&client, &name, 3, Some(0.5)).await;
    let duplicate =
        GlobalConcurrencyLimitCreate { name: name.clone(), limit: 1, ..Default::default() };
    let err = client.create_global_concurrency_limit(&duplicate).await.unwrap_err();
    assert!(err.is_conflict(), "{err}");

    let limit = client.read_global_concurrency_limit(&name).await.unwrap();
    assert!(limit.active);
    assert_eq!((limit.limit, limit.active_slots), (3, 0));
    assert!((limit.slot_decay_per_second - 0.5).abs() < 1e-9);
    let changes = GlobalConcurrencyLimitUpdate {
        limit: Some(9),
        active: Some(false),
        ..GlobalConcurrencyLimitUpdate::default()
    };
    client.update_global_concurrency_limit(&name, &changes).await.unwrap();
    let limit = client.read_global_concurrency_limit(&name).await.unwrap();
    assert_eq!((limit.limit, limit.active), (9, false));

    let mut offset = 0;
    let found = loop {
        let page = Query::new().limit(200).offset(offset);
        let limits = client.read_global_concurrency_limits(page).await.unwrap();
        if let Some(limit) = limits.iter().find(|limit| limit.name == name) {
            break limit.clone();
        }
        assert!(!limits.is_empty(), "{name} is not listed");
        offset += limits.len() as u64;
    };
    assert_eq!(found.id, limit.id);

    client.delete_global_concurrency_limit(&name).await.unwrap();
    assert!(client.read_global_concurrency_limit(&name).await.unwrap_err().is_not_found());
    assert!(client.delete_global_concurrency_limit(&name).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_tag_has_a_limit() {
    let Some(client) = shared() else { return };
    let tag = unique("tag");
    let limit = client.create_concurrency_limit(&tag, 1).await.unwrap();
    assert_eq!((limit.tag.as_str(), limit.concurrency_limit), (tag.as_str(), 1));
    let changed = client.create_concurrency_limit(&tag, 2).await.unwrap();
    assert_eq!((changed.id, changed.concurrency_limit), (limit.id, 2));

    let lease = take(&client, &[&format!("tag:{tag}")], 1).await.unwrap();
    assert_eq!(lease.limits[0].name, format!("tag:{tag}"));
    client.release_concurrency_slots_with_lease(lease.lease_id).await.unwrap();
    assert_eq!(client.read_concurrency_limit_by_tag(&tag).await.unwrap().id, limit.id);

    client.delete_concurrency_limit_by_tag(&tag).await.unwrap();
    assert!(client.read_concurrency_limit_by_tag(&tag).await.unwrap_err().is_not_found());
}
