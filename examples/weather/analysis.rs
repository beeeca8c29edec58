//! Seattle's weather as plain data and plain functions. Nothing here knows of runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// One row of the file.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Day {
    pub(crate) date: Date,
    /// In mm.
    pub(crate) precipitation: f64,
    /// In °C.
    pub(crate) temp_max: f64,
    /// In °C.
    pub(crate) temp_min: f64,
    pub(crate) weather: Weather,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Weather {
    Drizzle,
    Fog,
    Rain,
    Snow,
    Sun,
}

/// A season as meteorologists count: three whole months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Season {
    Winter,
    Spring,
    Summer,
    Autumn,
}

/// What a year was like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct YearStatistics {
    pub(crate) year: i16,
    pub(crate) days: usize,
    /// In mm.
    pub(crate) rain: f64,
    /// Days with any precipitation.
    pub(crate) wet_days: usize,
    pub(crate) sunny_days: usize,
    /// Of the days' middle temperatures, in °C.
    pub(crate) mean_temperature: f64,
    pub(crate) warmest: Day,
    pub(crate) coldest: Day,
}

/// A month of one year.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Month {
    pub(crate) first: Date,
    /// In mm.
    pub(crate) rain: f64,
}

/// Days in a row without precipitation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DrySpell {
    pub(crate) first: Date,
    pub(crate) last: Date,
    pub(crate) days: usize,
}

/// What a season was like in all years.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeasonReport {
    pub(crate) season: Season,
    pub(crate) days: usize,
    /// In mm.
    pub(crate) rain: f64,
    pub(crate) wettest: Month,
    pub(crate) warmest: Day,
    pub(crate) dry_spell: DrySpell,
}

/// The answer.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) first: Date,
    pub(crate) last: Date,
    pub(crate) days: usize,
    pub(crate) years: Vec<YearStatistics>,
    pub(crate) seasons: Vec<SeasonReport>,
    pub(crate) dry_spell: DrySpell,
}

impl Season {
    pub(crate) const ALL: [Self; 4] = [Self::Winter, Self::Spring, Self::Summer, Self::Autumn];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Winter => "winter",
            Self::Spring => "spring",
            Self::Summer => "summer",
            Self::Autumn => "autumn",
        }
    }

    fn of(date: Date) -> Self {
        match date.month() {
            12 | 1 | 2 => Self::Winter,
            3..=5 => Self::Spring,
            6..=8 => Self::Summer,
            _ => Self::Autumn,
        }
    }

    /// The days of this season, of all years.
    pub(crate) fn of_days(self, days: &[Day]) -> Arc<[Day]> {
        days.iter().copied().filter(|day| Self::of(day.date) == self).collect()
    }
}

/// Reads the rows.
pub(crate) fn parse(text: &str) -> csv::Result<Arc<[Day]>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect()
}

/// The years that the days belong to.
pub(crate) fn years(days: &[Day]) -> BTreeSet<i16> {
    days.iter().map(|day| day.date.year()).collect()
}

/// What `year` was like; `None` if none of the days belongs to it.
pub(crate) fn year_statistics(year: i16, days: &[Day]) -> Option<YearStatistics> {
    let days: Vec<Day> = days.iter().copied().filter(|day| day.date.year() == year).collect();
    let middles = days.iter().map(|day| f64::midpoint(day.temp_max, day.temp_min));
    Some(YearStatistics {
        year,
        days: days.len(),
        rain: rain(&days),
        wet_days: days.iter().filter(|day| day.precipitation > 0.0).count(),
        sunny_days: days.iter().filter(|day| day.weather == Weather::Sun).count(),
        mean_temperature: middles.sum::<f64>() / days.len() as f64,
        warmest: warmest_day(&days)?,
        coldest: days.iter().copied().reduce(|a, b| if b.temp_min < a.temp_min { b } else { a })?,
    })
}

/// All precipitation, in mm.
pub(crate) fn rain(days: &[Day]) -> f64 {
    days.iter().map(|day| day.precipitation).sum()
}

/// The first of the warmest days.
pub(crate) fn warmest_day(days: &[Day]) -> Option<Day> {
    days.iter().copied().reduce(|a, b| if b.temp_max > a.temp_max { b } else { a })
}

/// The month with the most precipitation.
pub(crate) fn wettest_month(days: &[Day]) -> Option<Month> {
    let mut months: BTreeMap<Date, f64> = BTreeMap::new();
    for day in days {
        *months.entry(day.date.first_of_month()).or_default() += day.precipitation;
    }
    let months = months.into_iter().map(|(first, rain)| Month { first, rain });
    months.reduce(|a, b| if b.rain > a.rain { b } else { a })
}

/// The first of the longest dry spells. A gap between two days ends a spell.
pub(crate) fn longest_dry_spell(days: &[Day]) -> Option<DrySpell> {
    let mut longest: Option<DrySpell> = None;
    let mut current: Option<DrySpell> = None;
    for day in days {
        let date = day.date;
        current = match current {
            _ if day.precipitation > 0.0 => None,
            Some(spell) if spell.last.tomorrow().is_ok_and(|next| next == date) => {
                Some(DrySpell { last: date, days: spell.days + 1, ..spell })
            }
            _ => Some(DrySpell { first: date, last: date, days: 1 }),
        };
        if let Some(spell) = current
            && longest.is_none_or(|longest| spell.days > longest.days)
        {
            longest = current;
        }
    }
    longest
}

/// As the table shows it: `34.4 °C on 16 Aug`.
fn warmth(temperature: f64, date: Date) -> String {
    format!("{temperature:>4.1} °C on {}", date.strftime("%e %b"))
}

impl fmt::Display for DrySpell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} days, {} to {}", self.days, self.first, self.last)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last, days, dry_spell, .. } = self;
        writeln!(f, "Seattle, {first} to {last}: {days} days\n")?;
        writeln!(
            f,
            "year  days  rain, mm  wet days  sunny days  mean, °C  warmest            coldest"
        )?;
        for year in &self.years {
            writeln!(
                f,
                "{:<4}  {:>4}  {:>8.1}  {:>8}  {:>10}  {:>8.1}  {}  {}",
                year.year,
                year.days,
                year.rain,
                year.wet_days,
                year.sunny_days,
                year.mean_temperature,
                warmth(year.warmest.temp_max, year.warmest.date),
                warmth(year.coldest.temp_min, year.coldest.date),
            )?;
        }
        writeln!(
            f,
            "\nseason  mm/day  wettest month      warmest day             longest dry spell"
        )?;
        for season in &self.seasons {
            writeln!(
                f,
                "{:<6}  {:>6.1}  {} {:>5.1} mm  {} {}  {}",
                season.season.name(),
                season.rain / season.days as f64,
                season.wettest.first.strftime("%b %Y"),
                season.wettest.rain,
                warmth(season.warmest.temp_max, season.warmest.date),
                season.warmest.date.year(),
                season.dry_spell,
            )?;
        }
        writeln!(f, "\nThe longest time without rain: {dry_spell}.")
    }
}
