use std::fmt;

use jiff::civil::Date;

/// In characters.
pub(crate) const LONGEST_EXPRESSION: usize = 128;

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A moment that comes again, in the five fields of cron: minute, hour, day of month, month, day of week. As crontab(5) has it: when
/// both kinds of day are restricted, one of them is enough.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    times: Times,
}

/// A bit for each number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Every hour, or every so many: by the time that passes rather than by the clock.
    any_hour: bool,
    any_day: bool,
    any_weekday: bool,
}

/// One of the five.
struct Field {
    name: &'static str,
    first: u32,
    last: u32,
    /// Of numbers from `first` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    field("minute", 0, 59, &[]),
    field("hour", 0, 23, &[]),
    field("day of month", 1, 31, &[]),
    field("month", 1, 12, &MONTHS),
    // 7 is Sunday, too.
    field("day of week", 0, 7, &WEEKDAYS),
];

const fn field(name: &'static str, first: u32, last: u32, names: &'static [&'static str]) -> Field {
    Field {
        name,
        first,
        last,
        names,
    }
}

/// The same moments, however they are written.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.times == other.times
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    /// Five fields with spaces between, each a list of `*`, a number, a range `a-b`, or one of them by steps `/n`; months and days of
    /// week also by their names.
    ///
    /// # Errors
    /// With the field's name and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST_EXPRESSION {
            return Err(format!("is longer than {LONGEST_EXPRESSION} characters"));
        }
        let parts: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = parts[..] else {
            return Err(format!(
                "{text:?} has {} fields; five are wanted: minute, hour, day of month, month and day of week, e.g. 0 8 * * 1-5",
                parts.len()
            ));
        };
        let [minute, hour, day, month, weekday] = &FIELDS;
        let weekday = weekday.parse(weekdays)?;
        let times = Times {
            minutes: minute.parse(minutes)?,
            hours: hour.parse(hours)?,
            days: day.parse(days)?,
            months: month.parse(months)?,
            weekdays: (weekday & 0x7f) | (weekday >> 7),
            any_hour: hours.starts_with('*'),
            any_day: is_any(days),
            any_weekday: is_any(weekdays),
        };
        if !times.come() {
            return Err(format!(
                "{text:?} never comes: none of its months has that day"
            ));
        }
        Ok(Self {
            text: parts.join(" "),
            times,
        })
    }

    /// Whether it comes on that day.
    pub(super) fn is_on(&self, date: Date) -> bool {
        let times = &self.times;
        let has = |bits: u64, number: i8| bits >> number & 1 == 1;
        let day = has(times.days, date.day());
        let weekday = has(times.weekdays, date.weekday().to_sunday_zero_offset());
        has(times.months, date.month())
            && match times.any_day || times.any_weekday {
                true => day && weekday,
                false => day || weekday,
            }
    }

    /// Hours and minutes, in order.
    pub(super) fn clock(&self) -> impl Iterator<Item = (i8, i8)> + '_ {
        let hours = (0..24).filter(|hour| self.times.hours >> hour & 1 == 1);
        hours.flat_map(|hour| {
            let minutes = (0..60).filter(|minute| self.times.minutes >> minute & 1 == 1);
            minutes.map(move |minute| (hour, minute))
        })
    }

    /// Whether an hour that the clock shows twice is two hours to it.
    pub(super) fn is_by_hours(&self) -> bool {
        self.times.any_hour
    }
}

impl Times {
    fn come(&self) -> bool {
        let by_weekday = !self.any_weekday && !self.any_day;
        let longest = |month: u32| match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let has = |month: &u32| self.months >> month & 1 == 1;
        by_weekday
            || (1..=12)
                .filter(has)
                .any(|month| self.days & ((2 << longest(month)) - 1) != 0)
    }
}

/// Robfig's cron, which KEDA has, takes `?` for `*`.
fn is_any(part: &str) -> bool {
    matches!(part, "*" | "?")
}

impl Field {
    fn parse(&self, list: &str) -> Result<u64, String> {
        let mut bits = 0;
        for part in list.split(',') {
            bits |= self.range(part)?;
        }
        Ok(bits)
    }

    fn range(&self, part: &str) -> Result<u64, String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(part, step)?)),
            None => (part, None),
        };
        let (first, last) = if is_any(range) {
            (self.first, self.last)
        } else if let Some((first, last)) = range.split_once('-') {
            let (first, last) = (self.number(first)?, self.number(last)?);
            if first > last {
                return Err(format!(
                    "{} is {part}: a range goes up; write {last}-{first}, or two ranges with a comma between",
                    self.name
                ));
            }
            (first, last)
        } else {
            let first = self.number(range)?;
            // 5/15 is 5-59/15.
            (first, if step.is_some() { self.last } else { first })
        };
        let numbers = (first..=last).step_by(step.unwrap_or(1));
        Ok(numbers.fold(0, |bits, number| bits | 1 << number))
    }

    fn step(&self, part: &str, step: &str) -> Result<usize, String> {
        let number = digits(step).filter(|step| (1..=self.last).contains(step));
        let number = number.and_then(|step| usize::try_from(step).ok());
        number.ok_or_else(|| {
            format!(
                "{} is {part}: a step is a number from 1 to {}",
                self.name, self.last
            )
        })
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|place| u32::try_from(place).ok());
        let number = named.map(|place| place + self.first).or(digits(text));
        number
            .filter(|number| (self.first..=self.last).contains(number))
            .ok_or_else(|| {
                let names = match self.names {
                    [first, .., last] => format!(", or {first} to {last}"),
                    _ => String::new(),
                };
                format!(
                    "{} is {text:?}: it must be *, or from {} to {}{names}",
                    self.name, self.first, self.last
                )
            })
    }
}

fn digits(text: &str) -> Option<u32> {
    let all = (1..=2).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}
