//! The weather example: its figures, the states of its runs, and the program itself.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "../examples/weather/analysis.rs"]
mod analysis;
#[path = "../examples/weather/flow.rs"]
mod flow;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use analysis::{DrySpell, Report};
use context::{AsyncClientContext, Client, ContextModel, MemoryRecorder, TagSet};
use jiff::civil::{Date, date};

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/seattle-weather.csv")
}

async fn run(flaky: bool) -> (Report, Arc<MemoryRecorder>) {
    let (client, recorder) = Client::in_memory();
    let report = AsyncClientContext::new(client)
        .scope(async { flow::seattle_weather(file(), flaky).await })
        .await
        .unwrap();
    (report, recorder)
}

/// The figures of the file are decimals with one digit; tenths compare exactly.
fn tenths(value: f64) -> i64 {
    (value * 10.0).round() as i64
}

fn span(spell: DrySpell) -> (usize, Date, Date) {
    (spell.days, spell.first, spell.last)
}

/// Computed by two scripts that share no code with the example or each other: one in awk on whole tenths, one in Python
/// with `decimal`, `datetime` and `csv`. Both gave these figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_has_the_figures_that_scripts_have_computed() {
    let (report, _) = run(false).await;
    assert_eq!((report.first, report.last), (date(2012, 1, 1), date(2015, 12, 31)));
    assert_eq!(report.days, 1461);
    assert_eq!(span(report.dry_spell), (48, date(2012, 7, 23), date(2012, 9, 8)));

    let years: Vec<_> = report
        .years
        .iter()
        .map(|y| (y.year, y.days, tenths(y.rain), y.wet_days, y.sunny_days))
        .collect();
    assert_eq!(
        years,
        [
            (2012, 366, 12_260, 177, 118),
            (2013, 365, 8_280, 152, 173),
            (2014, 365, 12_328, 150, 187),
            (2015, 365, 11_392, 144, 162),
        ]
    );
    let means: Vec<_> =
        report.years.iter().map(|y| (y.mean_temperature * 1000.0).round() as i64).collect();
    assert_eq!(means, [11_283, 12_106, 12_829, 13_132]);
    let extremes: Vec<_> = report
        .years
        .iter()
        .map(|y| (y.warmest, y.coldest))
        .map(|(w, c)| (tenths(w.temp_max), w.date, tenths(c.temp_min), c.date))
        .collect();
    assert_eq!(
        extremes,
        [
            (344, date(2012, 8, 16), -33, date(2012, 1, 15)),
            (339, date(2013, 6, 30), -71, date(2013, 12, 7)),
            (356, date(2014, 8, 11), -60, date(2014, 2, 6)),
            (350, date(2015, 7, 19), -38, date(2015, 11, 30)),
        ]
    );

    let seasons: Vec<_> =
        report.seasons.iter().map(|s| (s.season.name(), s.days, tenths(s.rain))).collect();
    assert_eq!(
        seasons,
        [
            ("winter", 361, 15_107),
            ("spring", 368, 11_891),
            ("summer", 368, 3_448),
            ("autumn", 364, 13_814),
        ]
    );
    let months: Vec<_> =
        report.seasons.iter().map(|s| (s.wettest.first, tenths(s.wettest.rain))).collect();
    assert_eq!(
        months,
        [
            (date(2015, 12, 1), 2_845),
            (date(2014, 3, 1), 2_400),
            (date(2015, 8, 1), 833),
            (date(2015, 11, 1), 2_126),
        ]
    );
    let warmest: Vec<_> =
        report.seasons.iter().map(|s| (tenths(s.warmest.temp_max), s.warmest.date)).collect();
    assert_eq!(
        warmest,
        [
            (189, date(2014, 12, 10)),
            (306, date(2013, 5, 6)),
            (356, date(2014, 8, 11)),
            (339, date(2013, 9, 11)),
        ]
    );
    let spells: Vec<_> = report.seasons.iter().map(|s| span(s.dry_spell)).collect();
    assert_eq!(
        spells,
        [
            (12, date(2013, 1, 11), date(2013, 1, 22)),
            (17, date(2015, 5, 15), date(2015, 5, 31)),
            (40, date(2012, 7, 23), date(2012, 8, 31)),
            (19, date(2012, 9, 23), date(2012, 10, 11)),
        ]
    );
}

/// Another way to the same figures: texts instead of dates, whole tenths instead of floats, no calendar.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_agrees_with_a_recomputation_on_texts() {
    let (report, _) = run(false).await;
    let text = std::fs::read_to_string(file()).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|row| row.split(',').collect()).collect();
    let number = |field: &str| -> i64 { field.replace('.', "").parse().unwrap() };

    let mut rain_of_years: BTreeMap<&str, i64> = BTreeMap::new();
    let mut rain_of_months: BTreeMap<&str, i64> = BTreeMap::new();
    for row in &rows {
        *rain_of_years.entry(&row[0][..4]).or_default() += number(row[1]);
        *rain_of_months.entry(&row[0][..7]).or_default() += number(row[1]);
    }
    let reported: Vec<_> =
        report.years.iter().map(|y| (y.year.to_string(), tenths(y.rain))).collect();
    let recomputed: Vec<_> =
        rain_of_years.iter().map(|(year, rain)| ((*year).to_owned(), *rain)).collect();
    assert_eq!(reported, recomputed);

    // The wettest month of all is the wettest of its season.
    let wettest = rain_of_months.iter().max_by_key(|(_, rain)| **rain).unwrap();
    let of_seasons = report.seasons.iter().map(|s| s.wettest);
    let reported = of_seasons.max_by_key(|month| tenths(month.rain)).unwrap();
    assert_eq!(&reported.first.to_string()[..7], *wettest.0);
    assert_eq!(tenths(reported.rain), *wettest.1);

    // The rows have no gaps, so a dry spell is the rows between two wet ones.
    let spells = rows.split(|row| row[1] != "0.0");
    let longest = spells.max_by_key(|spell| spell.len()).unwrap();
    let (first, last) = (longest[0][0], longest[longest.len() - 1][0]);
    assert_eq!(report.dry_spell.to_string(), format!("{} days, {first} to {last}", longest.len()));

    let warmest = rows.iter().map(|row| number(row[2])).max();
    assert_eq!(report.years.iter().map(|y| tenths(y.warmest.temp_max)).max(), warmest);
    let coldest = rows.iter().map(|row| number(row[3])).min();
    assert_eq!(report.years.iter().map(|y| tenths(y.coldest.temp_min)).min(), coldest);
    let days: usize = report.seasons.iter().map(|s| s.days).sum();
    assert_eq!(days, rows.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_runs_are_retried_tagged_and_linked() {
    let (_, recorder) = run(true).await;
    insta::assert_snapshot!(recorder.transcript(), @r"
    flow seattle-weather: Pending, Running, Completed
      task read [io]: Pending, Running, AwaitingRetry(Task run encountered an exception Error: the connection broke off (simulated; `--steady` turns this off)), Retrying, Completed
      task parse: Pending, Running, Completed
      task year_statistics [statistics]: Pending, Running, Completed
      task year_statistics [statistics]: Pending, Running, Completed
      task year_statistics [statistics]: Pending, Running, Completed
      task year_statistics [statistics]: Pending, Running, Completed
      subflow season-report-0 [seasons, winter]: Pending, Running, Completed
        flow season-report [seasons, winter]: Pending, Running, Completed
          task wettest_month [seasons, winter]: Pending, Running, Completed
          task warmest_day [seasons, winter]: Pending, Running, Completed
          task longest_dry_spell [seasons, winter]: Pending, Running, Completed
      subflow season-report-1 [seasons, spring]: Pending, Running, Completed
        flow season-report [seasons, spring]: Pending, Running, Completed
          task wettest_month [seasons, spring]: Pending, Running, Completed
          task warmest_day [seasons, spring]: Pending, Running, Completed
          task longest_dry_spell [seasons, spring]: Pending, Running, Completed
      subflow season-report-2 [seasons, summer]: Pending, Running, Completed
        flow season-report [seasons, summer]: Pending, Running, Completed
          task wettest_month [seasons, summer]: Pending, Running, Completed
          task warmest_day [seasons, summer]: Pending, Running, Completed
          task longest_dry_spell [seasons, summer]: Pending, Running, Completed
      subflow season-report-3 [autumn, seasons]: Pending, Running, Completed
        flow season-report [autumn, seasons]: Pending, Running, Completed
          task wettest_month [autumn, seasons]: Pending, Running, Completed
          task warmest_day [autumn, seasons]: Pending, Running, Completed
          task longest_dry_spell [autumn, seasons]: Pending, Running, Completed
      task longest_dry_spell: Pending, Running, Completed
    ");

    // The mapped runs belong to the flow run; each season is a flow run that a task run of it stands for.
    let (flow_runs, task_runs) = (recorder.flow_runs(), recorder.task_runs());
    let [(root, _), seasons @ ..] = flow_runs.as_slice() else { panic!("there are flow runs") };
    let names: Vec<_> = seasons.iter().map(|(run, _)| run.name.as_str()).collect();
    assert_eq!(names, ["winter", "spring", "summer", "autumn"]);
    for (season, _) in seasons {
        let (stand_in, state) =
            task_runs.iter().find(|(run, _)| Some(run.id) == season.parent_task_run_id).unwrap();
        assert_eq!(stand_in.child_flow_run_id, Some(season.id));
        assert_eq!(stand_in.flow_run_id, Some(root.id));
        assert!(state.is_completed());
        assert_eq!(season.tags, TagSet::from_iter(["seasons", &season.name]));
        let below: Vec<_> =
            task_runs.iter().filter(|(run, _)| run.flow_run_id == Some(season.id)).collect();
        assert_eq!(below.len(), 3);
        assert!(below.iter().all(|(run, _)| run.tags == season.tags));
    }
    let mapped: Vec<_> =
        task_runs.iter().filter(|(run, _)| run.task_name == "year_statistics").collect();
    let names: Vec<_> = mapped.iter().map(|(run, _)| run.name.as_str()).collect();
    let expected = [2012, 2013, 2014, 2015].map(|year| format!("statistics of {year}"));
    assert_eq!(names, expected);
    assert!(mapped.iter().all(|(run, _)| run.tags == ["statistics"]));
    assert!(mapped.iter().all(|(run, _)| run.flow_run_id == Some(root.id)));

    // `parse` got its argument from `read`, and the record says so.
    let id = |name: &str| task_runs.iter().find(|(run, _)| run.task_name == name).unwrap().0.id;
    let (parse, _) = task_runs.iter().find(|(run, _)| run.task_name == "parse").unwrap();
    assert_eq!(parse.inputs.get("text"), [id("read")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_steady_source_is_read_once() {
    let (_, recorder) = run(false).await;
    let states = recorder.task_states("read");
    let names: Vec<_> = states[0].iter().map(context::State::name).collect();
    assert_eq!(names, ["Pending", "Running", "Completed"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_file_is_reported_after_the_last_retry() {
    let (client, recorder) = Client::in_memory();
    let error = AsyncClientContext::new(client)
        .scope(async { flow::seattle_weather("no such file".into(), false).await })
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains("no such file"), "{error:#}");
    let (read, state) = recorder.task_runs().swap_remove(0);
    assert_eq!((read.run_count, state.name()), (3, "Failed"));
}

/// The example stands beside this test: `target/debug/deps/weather-…` and `target/debug/examples/weather`.
fn program() -> Command {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let name = format!("weather{}", std::env::consts::EXE_SUFFIX);
    let example = profile.join("examples").join(name);
    assert!(
        example.exists(),
        "`{}` is not built; `cargo test` does it, or `cargo build --example weather`",
        example.display()
    );
    Command::new(example)
}

#[test]
fn the_program_prints_the_answer() {
    let output = program().output().unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(answer.lines().all(|line| line.chars().count() <= 100), "{answer}");
    insta::assert_snapshot!(answer, @r"
    Seattle, 2012-01-01 to 2015-12-31: 1461 days

    year  days  rain, mm  wet days  sunny days  mean, °C  warmest            coldest
    2012   366    1226.0       177         118      11.3  34.4 °C on 16 Aug  -3.3 °C on 15 Jan
    2013   365     828.0       152         173      12.1  33.9 °C on 30 Jun  -7.1 °C on  7 Dec
    2014   365    1232.8       150         187      12.8  35.6 °C on 11 Aug  -6.0 °C on  6 Feb
    2015   365    1139.2       144         162      13.1  35.0 °C on 19 Jul  -3.8 °C on 30 Nov

    season  mm/day  wettest month      warmest day             longest dry spell
    winter     4.2  Dec 2015 284.5 mm  18.9 °C on 10 Dec 2014  12 days, 2013-01-11 to 2013-01-22
    spring     3.2  Mar 2014 240.0 mm  30.6 °C on  6 May 2013  17 days, 2015-05-15 to 2015-05-31
    summer     0.9  Aug 2015  83.3 mm  35.6 °C on 11 Aug 2014  40 days, 2012-07-23 to 2012-08-31
    autumn     3.8  Nov 2015 212.6 mm  33.9 °C on 11 Sep 2013  19 days, 2012-09-23 to 2012-10-11

    The longest time without rain: 48 days, 2012-07-23 to 2012-09-08.
    ");
}

#[test]
fn the_program_reports_a_wrong_option() {
    let output = program().arg("--no-such-option").output().unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: weather"));
}
