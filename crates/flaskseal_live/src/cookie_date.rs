//! When a cookie ends, as browsers read it (RFC 6265bis, section 5.1.1): numbers and names in any order, between signs
//! of any kind. HTTP's own dates are among what it reads. A year before 1601 is one, as in Chromium.

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Seconds since 1970; `None` for what browsers do not take for a date.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    // What one piece cannot be, the next kind may be: the order of the standard.
    for piece in text.split(is_delimiter).filter(|piece| !piece.is_empty()) {
        if time.is_none()
            && let Some(found) = time_of(piece)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(piece, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(piece)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(piece, 2, 4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        short @ 70..=99 => short + 1900,
        short @ 0..=69 => short + 2000,
        year => year,
    };
    let ((hour, minute, second), day, month) = (time?, day?, month?);
    let is_real = (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 60;
    is_real.then(|| days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn is_delimiter(character: char) -> bool {
    matches!(character, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// `17:05:09`, whatever follows that is no digit.
fn time_of(piece: &str) -> Option<(i64, i64, i64)> {
    let mut parts = piece.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?, 1, 2)?, digits(parts.next()?, 1, 2)?);
    Some((hour, minute, number(parts.next()?, 1, 2)?))
}

fn month_of(piece: &str) -> Option<i64> {
    let name = piece.get(..3)?.to_ascii_lowercase();
    (1..).zip(MONTHS).find_map(|(number, month)| (month == name).then_some(number))
}

/// A number of so many digits, whatever follows that is none.
fn number(piece: &str, least: usize, most: usize) -> Option<i64> {
    let end = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
    digits(piece.get(..end)?, least, most)
}

fn digits(text: &str, least: usize, most: usize) -> Option<i64> {
    let is_number = (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// Days since 1970 in the calendar of today, by counting from March, so that the leap day ends a year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_form() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "6 november 1994 8:49:37",
            "08:49:37 1994;Nov/06th",
        ] {
            assert_eq!(seconds(text), Some(784_111_777), "{text}");
        }
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds("Thu, 29-Feb-00 00:00:01 GMT"), Some(951_782_401));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "soon",
            "0",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nov 1994 08:49",
            "Sun, 00 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 24:49:37",
            "Sun, 06 Foo 1994 08:49:37",
            "6 é 1994 08:49:37",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
