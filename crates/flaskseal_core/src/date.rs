//! A calendar day. Nothing pure asks a clock: today is an argument.

use std::fmt;
use std::str::FromStr;

/// A day of the proleptic Gregorian calendar, in the time zone of whoever wrote it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date {
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// The text is no day written `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DateError;

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a date written YYYY-MM-DD")
    }
}

impl std::error::Error for DateError {}

impl Date {
    /// The day, unless the calendar has none such.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (year >= 1 && (1..=last).contains(&day)).then_some(Self { year, month, day })
    }

    /// How many days lie between: negative where `other` is later. Hinnant, "chrono-compatible low-level date
    /// algorithms", `days_from_civil`.
    pub fn days_since(self, other: Self) -> i64 {
        self.number() - other.number()
    }

    /// The day, in UTC, of a number of seconds since 1970. Hinnant, as above, `civil_from_days`.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        let days = seconds.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }

    /// Days since 1970-01-01.
    fn number(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let mut parts = text.split('-');
        let (Some(year), Some(month), Some(day), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DateError);
        };
        let digits = |part: &str, count: usize| {
            (part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| part.parse::<u16>().ok())
                .flatten()
                .ok_or(DateError)
        };
        Self::new(digits(year, 4)?, digits(month, 2)? as u8, digits(day, 2)? as u8).ok_or(DateError)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints_and_nothing_else() {
        let date: Date = "2028-02-29".parse().unwrap();
        assert_eq!(date.to_string(), "2028-02-29");
        for wrong in [
            "2027-02-29",
            "2027-13-01",
            "2027-00-01",
            "2027-1-01",
            "27-01-01",
            "2027-01-01x",
            "+027-01-01",
            "",
        ] {
            assert_eq!(wrong.parse::<Date>(), Err(DateError), "{wrong}");
        }
    }

    #[test]
    fn days_are_counted() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(day("2024-03-01").days_since(day("2024-02-28")), 2);
        assert_eq!(day("2026-01-01").days_since(day("2025-01-01")), 365);
        assert_eq!(day("1969-12-31").days_since(day("1970-01-01")), -1);
    }

    #[test]
    fn seconds_have_a_day() {
        let shown = |seconds| Date::from_seconds(seconds).map(|date| date.to_string());
        assert_eq!(shown(951_782_400).as_deref(), Some("2000-02-29"));
        assert_eq!(shown(-1).as_deref(), Some("1969-12-31"));
        assert_eq!(shown(i64::MAX / 2), None);
    }

    #[test]
    fn days_are_ordered() {
        assert!("2026-12-31".parse::<Date>().unwrap() < "2027-01-01".parse().unwrap());
    }
}
