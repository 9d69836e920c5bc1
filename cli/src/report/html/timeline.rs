//! The timeline: evidence and alerts counted in periods of equal length, and where their bars stand.
//!
//! Everything is drawn on a grid of whole numbers, a period ten wide and a lane thirty high, which
//! the page stretches to its width.

use callerwatch_detection::alert::Alert;
use callerwatch_detection::evidence::{Entry, Kind};
use callerwatch_detection::score::Severity;
use callerwatch_detection::timestamp::Timestamp;

use super::moment::{Moment, counted, grouped};

/// The most periods: a bar stays wide enough to be hit.
const PERIODS_MAX: i64 = 96;
/// The fewest, so that a single event is not a bar as wide as the page.
const PERIODS_MIN: i64 = 24;
const MINUTE: i64 = 60_000;
const DAY_MINUTES: i64 = 1440;
/// How long a period may be, in minutes; beyond, whole days.
const STEPS: [i64; 11] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720];

const PERIOD_WIDTH: usize = 10;
const LANE_HEIGHT: u64 = 30;
const BAR_HEIGHT: u64 = 24;

/// What a lane counts, and how it is called. Where somebody was seen to work is no event.
const KINDS: [(&str, &[Kind]); 6] = [
    ("Sign-ins failed", &[Kind::LoginFailed]),
    ("Right password, stopped", &[Kind::PasswordCorrect]),
    ("Calls denied", &[Kind::Denied]),
    ("Calls failed otherwise", &[Kind::Throttled, Kind::OtherError]),
    ("Sign-ins succeeded", &[Kind::LoginSucceeded]),
    ("Calls succeeded", &[Kind::Success]),
];

/// What happened in one period.
#[derive(Clone, Copy, Debug, Default)]
struct Period {
    kinds: [u64; KINDS.len()],
    /// Alerts that have calls around it, by severity, rising.
    alerts: [u64; Severity::ALL.len()],
}

/// Evidence and alerts over time.
#[derive(Debug)]
pub(super) struct Timeline {
    start: i64,
    step: i64,
    periods: Vec<Period>,
    /// All alerts, by severity, rising: one may be in several periods.
    alerts: [u64; Severity::ALL.len()],
}

/// A lane of bars, and what stands beside it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) name: &'static str,
    /// `1,204, at most 60 at once`; of alerts `3 alerts`.
    pub(super) note: String,
    /// What it is drawn as: `critical` to `informational`, `failed` or `succeeded`.
    pub(super) class: &'static str,
}

/// One period as the page draws it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) x: usize,
    pub(super) from: Moment,
    pub(super) until: Moment,
    /// `10 Mar 2026, 01:00 to 01:15 UTC`.
    pub(super) span: String,
    /// `3 calls denied; 1 Critical alert`.
    pub(super) told: String,
    pub(super) bars: Vec<Bar>,
}

/// A bar, on the grid.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) class: &'static str,
    pub(super) y: u64,
    pub(super) height: u64,
}

impl Timeline {
    /// Periods that hold all times from the first to the last.
    pub(super) fn spanning(first: Timestamp, last: Timestamp) -> Self {
        let minutes = (last.millis() - first.millis()) / MINUTE;
        let step = STEPS.into_iter().find(|step| minutes / step < PERIODS_MAX - 1);
        let step = step
            .unwrap_or_else(|| DAY_MINUTES * (minutes / (PERIODS_MAX - 1) / DAY_MINUTES + 1))
            * MINUTE;
        let start = first.millis() / step * step;
        let count = ((last.millis() - start) / step + 1).clamp(PERIODS_MIN, PERIODS_MAX);
        let count = usize::try_from(count).unwrap_or_default();
        Self { start, step, periods: vec![Period::default(); count], alerts: [0; 5] }
    }

    /// Counts evidence.
    pub(super) fn count(&mut self, entry: &Entry) {
        let kind = entry.kind();
        let place = KINDS.iter().position(|(_, kinds)| kinds.contains(&kind));
        let at = self.place(entry.time());
        let period = self.periods.get_mut(at);
        if let (Some(period), Some(place)) = (period, place)
            && let Some(count) = period.kinds.get_mut(place)
        {
            *count += 1;
        }
    }

    /// Counts an alert, from its first call to its last.
    pub(super) fn count_alert(&mut self, alert: &Alert) {
        let places = self.place(alert.first)..=self.place(alert.last);
        let severity = usize::from(alert.severity.id()) - 1;
        if let Some(count) = self.alerts.get_mut(severity) {
            *count += 1;
        }
        for period in self.periods.get_mut(places).into_iter().flatten() {
            if let Some(count) = period.alerts.get_mut(severity) {
                *count += 1;
            }
        }
    }

    fn place(&self, time: Timestamp) -> usize {
        usize::try_from((time.millis() - self.start) / self.step).unwrap_or_default()
    }

    /// `15 minutes`, of a period.
    pub(super) fn step(&self) -> String {
        let minutes = self.step / MINUTE;
        match (minutes / DAY_MINUTES, minutes / 60) {
            (days @ 1.., _) => counted(days, "day", "days"),
            (0, hours @ 1..) => counted(hours, "hour", "hours"),
            _ => counted(minutes, "minute", "minutes"),
        }
    }

    /// The lanes that have anything in them: alerts by severity, falling, then evidence.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        let lanes = self.drawn();
        lanes.iter().map(|drawn| drawn.lane(self)).collect()
    }

    fn drawn(&self) -> Vec<Drawn> {
        let severities = Severity::ALL.into_iter().rev().map(Drawn::Alerts);
        let kinds = (0..KINDS.len()).map(Drawn::Kind);
        let all = severities.chain(kinds);
        all.filter(|drawn| self.periods.iter().any(|period| drawn.of(period) > 0)).collect()
    }

    /// The height of the grid, and of the drawing in pixels.
    pub(super) fn height(&self) -> u64 {
        LANE_HEIGHT * u64::try_from(self.drawn().len()).unwrap_or_default()
    }

    /// The width of the grid.
    pub(super) fn width(&self) -> usize {
        PERIOD_WIDTH * self.periods.len()
    }

    /// All periods, by time.
    pub(super) fn slots(&self) -> Vec<Slot> {
        let lanes = self.drawn();
        let peaks: Vec<u64> = lanes.iter().map(|lane| lane.peak(&self.periods)).collect();
        let periods = self.periods.iter().enumerate();
        periods
            .map(|(index, period)| {
                let bars = (0_u64..).zip(lanes.iter().zip(&peaks));
                let bars = bars.filter_map(|(row, (lane, peak))| lane.bar(row, period, *peak));
                let told: Vec<String> = lanes.iter().filter_map(|lane| lane.told(period)).collect();
                let (from, until) = (self.moment(index), self.moment(index + 1));
                Slot {
                    x: index * PERIOD_WIDTH,
                    span: self.span(from, until),
                    told: if told.is_empty() { "nothing".to_owned() } else { told.join("; ") },
                    bars: bars.collect(),
                    from,
                    until,
                }
            })
            .collect()
    }

    /// Instants at equal distances, for the axis.
    pub(super) fn ticks(&self) -> Vec<String> {
        let quarter = |part: usize| self.moment(self.periods.len() * part / 4);
        (0..=4)
            .map(quarter)
            .map(|moment| if self.has_days() { moment.date() } else { moment.short() })
            .collect()
    }

    fn span(&self, from: Moment, until: Moment) -> String {
        if self.has_days() {
            return format!("{} to {}", from.date(), until.date());
        }
        let (from, until) = (from.minute(), until.minute());
        let until = match until.split_once(", ") {
            Some((date, time)) if from.starts_with(date) => time,
            _ => &until,
        };
        format!("{from} to {until} UTC")
    }

    fn has_days(&self) -> bool {
        self.step >= DAY_MINUTES * MINUTE
    }

    fn moment(&self, index: usize) -> Moment {
        let index = i64::try_from(index).unwrap_or_default();
        Moment(Timestamp::from_millis(self.start + index * self.step).unwrap_or(Timestamp::MAX))
    }
}

/// What a lane shows.
#[derive(Clone, Copy, Debug)]
enum Drawn {
    Alerts(Severity),
    /// By its place in [`KINDS`].
    Kind(usize),
}

impl Drawn {
    fn of(self, period: &Period) -> u64 {
        let count = match self {
            Self::Alerts(severity) => period.alerts.get(usize::from(severity.id()) - 1),
            Self::Kind(place) => period.kinds.get(place),
        };
        count.copied().unwrap_or_default()
    }

    fn peak(self, periods: &[Period]) -> u64 {
        periods.iter().map(|period| self.of(period)).max().unwrap_or_default()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Alerts(severity) => severity.name(),
            Self::Kind(place) => KINDS.get(place).map_or("", |(name, _)| name),
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Alerts(severity) => class_of(severity),
            Self::Kind(0..=3) => "failed",
            Self::Kind(_) => "succeeded",
        }
    }

    fn lane(self, Timeline { periods, alerts, .. }: &Timeline) -> Lane {
        let note = match self {
            Self::Alerts(severity) => {
                let count = alerts.get(usize::from(severity.id()) - 1).copied();
                counted(count.unwrap_or_default(), "alert", "alerts")
            }
            Self::Kind(_) => {
                let sum = periods.iter().map(|period| self.of(period)).sum::<u64>();
                format!("{}, at most {} at once", grouped(sum), grouped(self.peak(periods)))
            }
        };
        Lane { name: self.name(), note, class: self.class() }
    }

    /// The higher the more there is of it; alerts are there or not.
    fn bar(self, row: u64, period: &Period, peak: u64) -> Option<Bar> {
        let count = self.of(period);
        if count == 0 {
            return None;
        }
        let bottom = LANE_HEIGHT * (row + 1);
        let (height, gap) = match self {
            Self::Alerts(_) => (12, 9),
            Self::Kind(_) => ((BAR_HEIGHT * count / peak.max(1)).max(2), 1),
        };
        Some(Bar { class: self.class(), y: bottom - gap - height, height })
    }

    fn told(self, period: &Period) -> Option<String> {
        let count = self.of(period);
        let told = match self {
            Self::Alerts(severity) => {
                counted(count, &format!("{severity} alert"), &format!("{severity} alerts"))
            }
            Self::Kind(_) => format!("{} {}", self.name().to_lowercase(), grouped(count)),
        };
        (count > 0).then_some(told)
    }
}

/// What a severity is drawn as.
pub(super) fn class_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Informational => "informational",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_times_have_a_period() {
        for (first, last, step) in [
            (1_773_105_300_000, 1_773_105_300_000, "1 minute"),
            (1_773_105_300_000, 1_773_105_300_000 + 23 * 3_600_000, "15 minutes"),
            (1_773_105_300_000, 1_773_105_300_000 + 7 * 86_400_000, "2 hours"),
            (1_773_105_300_000, 1_773_105_300_000 + 90 * 86_400_000, "1 day"),
            (0, Timestamp::MAX.millis(), "30,869 days"),
        ] {
            let [first, last] = [first, last].map(|at| Timestamp::from_millis(at).unwrap());
            let timeline = Timeline::spanning(first, last);
            assert_eq!(timeline.step(), step);
            assert!((24..=96).contains(&timeline.periods.len()), "{}", timeline.periods.len());
            assert!(timeline.place(last) < timeline.periods.len(), "{first} to {last}");
            assert!(timeline.moment(0).0 <= first);
        }
    }
}
