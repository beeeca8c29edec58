//! Keys that are templates, functions and expressions; and what is said of bad ones.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use context::prelude::*;
use context::{
    Asset, AssetContext, AssetKeyError, AssetTemplateError, Client, Parameters, RunErrorKind,
    asset, asset_fn,
};
use proptest::prelude::*;

use super::told;
use crate::{recorded, recorded_sync};

#[materialize("s3://lake/{day}/rows.parquet", asset_deps = ["s3://raw/{day}.json", "s3://fixed"])]
async fn save(day: String, rows: Vec<u32>) -> Result<Vec<u32>, anyhow::Error> {
    add_asset_metadata(format!("s3://lake/{day}/rows.parquet"), serde_json::json!({}))?;
    Ok(rows)
}

#[tokio::test]
async fn a_template_is_filled_in_by_each_run() {
    #[flow]
    async fn week() -> Result<usize, RunError> {
        let saved = save::map(vec!["monday".to_owned(), "sunday".to_owned()], unmapped(vec![1]));
        let mut rows = 0;
        for saved in saved.result().await? {
            rows += saved.len();
        }
        Ok(rows)
    }
    let (rows, recorder) = recorded(week).await;
    assert_eq!(rows.unwrap(), 2);
    let mut told = told(&recorder);
    told.sort();
    assert_eq!(
        told,
        [
            "+s3://lake/monday/rows.parquet of s3://fixed, s3://raw/monday.json",
            "+s3://lake/sunday/rows.parquet of s3://fixed, s3://raw/sunday.json",
            ">s3://fixed",
            ">s3://fixed",
            ">s3://raw/monday.json",
            ">s3://raw/sunday.json",
        ]
    );
}

#[tokio::test]
async fn runs_that_are_reported_as_one_tell_of_all_their_keys() {
    #[flow]
    async fn week() -> Result<usize, RunError> {
        let days = vec!["monday".to_owned(), "sunday".to_owned()];
        let saved = save::with_options().reported_as_one().map(days, unmapped(vec![1]));
        Ok(saved.result().await?.len())
    }
    let (runs, recorder) = recorded(week).await;
    assert_eq!(runs.unwrap(), 2);
    let mut told = told(&recorder);
    told.sort();
    assert_eq!(told.len(), 5, "{told:?}");
    let made: Vec<_> = told[..2].iter().map(|told| told.split(' ').next().unwrap()).collect();
    assert_eq!(made, ["+s3://lake/monday/rows.parquet", "+s3://lake/sunday/rows.parquet"]);
}

#[tokio::test]
async fn a_template_is_filled_in_though_nobody_records_parameters() {
    let (client, keys) = (Client::off(), || async {
        save("monday".to_owned(), Vec::new()).await.map(|rows| rows.len())
    });
    let rows = context::AsyncClientContext::new(client).scope(async { keys().await }).await;
    assert_eq!(rows.unwrap(), 0);
}

#[test]
fn a_key_that_cannot_be_made_fails_the_run_before_its_function_is_called() {
    static CALLED: AtomicBool = AtomicBool::new(false);
    #[materialize("s3://lake/{day}/rows")]
    fn makes(day: &str) -> Result<(), RunError> {
        CALLED.store(true, SeqCst);
        drop(day.to_owned());
        Ok(())
    }
    let (outcome, recorder) = recorded_sync(|| makes("the 1st"));
    let error = outcome.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the asset key `s3://lake/{day}/rows` of `makes` cannot be made: it gives \"s3://lake/the 1st/rows\", and an asset key contains ' ', which is not allowed"
    );
    let RunErrorKind::AssetKey { run, source, .. } = error.kind() else { panic!("{error:?}") };
    assert_eq!(*run, "makes");
    assert!(matches!(
        source,
        AssetTemplateError::FilledIn {
            source: AssetKeyError::ForbiddenCharacter { character: ' ' },
            ..
        }
    ));
    assert!(!CALLED.load(SeqCst));
    let transcript = recorder.transcript();
    assert!(transcript.starts_with("task makes: Pending, Failed("), "{transcript}");
    assert_eq!(told(&recorder), Vec::<String>::new());
}

#[tokio::test]
async fn a_function_of_the_parameters_makes_a_key() {
    fn of(parameters: &Parameters, name: &str) -> u64 {
        parameters.get(name).and_then(serde_json::Value::as_u64).unwrap_or_default()
    }
    #[materialize(|parameters| format!("s3://lake/part-{:03}", of(parameters, "part")), by = "csv")]
    async fn part(part: u32) -> u32 {
        part
    }
    let (_, recorder) = recorded(|| part(7)).await;
    assert_eq!(told(&recorder), ["+s3://lake/part-007"]);
}

#[test]
fn a_function_that_panics_is_a_failed_run_and_an_error() {
    #[materialize(|parameters| parameters.get("x").expect("there is no x").to_string())]
    fn makes(y: u32) -> Result<u32, RunError> {
        Ok(y)
    }
    let (outcome, recorder) = recorded_sync(|| makes(1));
    let error = outcome.unwrap_err().to_string();
    let expected =
        "the asset key `a function` of `makes` cannot be made: it panicked: there is no x";
    assert_eq!(error, expected);
    assert!(recorder.transcript().starts_with("task makes: Pending, Failed("));
}

fn rows() -> Asset {
    Asset::new("s3://lake/rows").unwrap().with_name("Rows")
}

#[tokio::test]
async fn assets_of_all_forms_stand_in_one_attribute() {
    const KEY: &str = "s3://lake/constant";
    #[materialize("s3://lake/text", KEY, rows(), asset("s3://lake/{x}").with_owners(["ann"]))]
    async fn all(x: u32) -> Vec<Asset> {
        assert_eq!(x, 1);
        AssetContext::get().unwrap().downstream_assets().to_vec()
    }
    let made = all(1).await;
    let keys: Vec<_> = made.iter().map(Asset::key).collect();
    assert_eq!(keys, ["s3://lake/text", KEY, "s3://lake/rows", "s3://lake/1"]);
    assert_eq!(made[2].properties().unwrap().name(), Some("Rows"));
    assert_eq!(made[3].properties().unwrap().owners().unwrap(), ["ann"]);
}

#[tokio::test]
async fn one_call_can_make_other_assets_or_none() {
    #[materialize("s3://lake/rows", by = "csv")]
    async fn makes(x: u32) -> Result<u32, RunError> {
        Ok(x)
    }
    let call = |keys: &[&'static str]| makes::with_options().assets(keys.iter().copied()).call(7);
    let (_, recorder) = recorded(|| call(&["s3://other/{x}", "s3://more"])).await;
    assert_eq!(told(&recorder), ["+s3://other/7", "+s3://more"]);
    let by: Vec<_> = recorder
        .events()
        .into_iter()
        .filter_map(|event| match event {
            context::Recorded::Asset { materialized_by, .. } => Some(materialized_by),
            _ => None,
        })
        .collect();
    assert_eq!(by, [Some("csv".to_owned()), Some("csv".to_owned())]);
    let (_, recorder) = recorded(|| call(&[])).await;
    assert_eq!(told(&recorder), Vec::<String>::new());
    let error = recorded(|| call(&["s3://other/{y}"])).await.0.unwrap_err();
    assert!(error.to_string().ends_with("field `y`, but the parameters are `x`"), "{error}");
    let error = recorded(|| call(&["rows"])).await.0.unwrap_err();
    assert!(matches!(error.kind(), RunErrorKind::InvalidOption(_)), "{error:?}");
    let made = asset_fn(|_: &Parameters| "s3://of a function");
    let error = makes::with_options().assets([made]).call(1).await.unwrap_err();
    assert!(error.to_string().contains("the function gives no asset"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_key_panics(text in ".{0,40}", value in ".{0,40}") {
        #[materialize("s3://lake/{value}")]
        fn fixed(value: String) -> Result<usize, RunError> {
            Ok(value.len())
        }
        let usable = Asset::new(format!("s3://lake/{value}"));
        let made = fixed(value.clone());
        prop_assert_eq!(made.is_ok(), usable.is_ok());
        if let Err(error) = made {
            prop_assert!(matches!(error.kind(), RunErrorKind::AssetKey { .. }), "{error:?}");
        }
        // Any text in place of the attribute's: an option that cannot be used, a key that cannot be made, or neither.
        if let Err(error) = fixed::with_options().assets([text]).call(value) {
            let kind = error.kind();
            let told =
                matches!(kind, RunErrorKind::AssetKey { .. } | RunErrorKind::InvalidOption(_));
            prop_assert!(told, "{error:?}");
        }
    }
}
