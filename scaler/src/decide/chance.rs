//! What chance does to requests that come independently of each other: how far counts and averages stray, and how many find a limit reached.

use super::reach::whole;

/// Numbers are taken for so many standard deviations less than they are, where one moment alone may ask for replicas: in a look each
/// second a rate strays by two often, but seldom in a way that asks for one more.
const RATES: f64 = 2.0;

/// The same of requests in flight, which are looked at more often.
const COUNTS: f64 = 3.0;

/// One more while so large a part of the requests would wait,
const SHARE: f64 = 0.05;

/// and so many of those that come while one is served: of few requests a larger part may wait before it is worth a replica.
const WAITING: f64 = 0.37;

/// With more in flight the room no longer grows.
const LARGEST: f64 = 128.0;

/// A rate that was counted over so many seconds, less what chance may have added.
pub(super) fn surely(rate: f64, seconds: f64) -> f64 {
    (rate - RATES * (rate / seconds).sqrt()).max(0.0)
}

/// A number of requests at one moment, less what chance may have added.
pub(super) fn at_least(requests: f64) -> f64 {
    (requests - COUNTS * requests.sqrt()).max(0.0)
}

/// How far an average over so many seconds strays, when each request takes `service` seconds: its standard deviation.
pub(super) fn stray(average: f64, service: f64, seconds: f64) -> f64 {
    let part = (2.0 * service / seconds.max(1.0)).min(1.0);
    (average.max(0.0) * part).sqrt()
}

/// The smallest count from `least` up to `most` on which few find all places taken, with so many in flight on average and so many places in
/// each; and the part that would wait with `least`.
pub(super) fn room(least: u32, most: u32, amount: f64, limit: f64) -> (u32, f64) {
    let beyond = (amount - LARGEST).max(0.0);
    let amount = amount - beyond;
    let few = SHARE.max(WAITING / amount);
    let places = |count: u32| (f64::from(count) * limit - beyond).floor();
    let mut count = least.max(1);
    let with_least = waiting(amount, places(count));
    let mut share = with_least;
    while share >= few && count < most {
        count += 1;
        share = waiting(amount, places(count));
    }
    (count.max(least), with_least)
}

/// The part of requests that find all places taken: Erlang's C formula.
fn waiting(amount: f64, places: f64) -> f64 {
    if places <= amount {
        return 1.0;
    }
    if amount <= 0.0 || places >= amount + 5.0 * amount.sqrt() + 3.0 {
        return 0.0;
    }
    let mut lost = 1.0;
    for place in 1..=whole(places) {
        lost = amount * lost / (f64::from(place) + amount * lost);
    }
    lost / (1.0 - amount / places * (1.0 - lost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlangs_formula_gives_what_tables_give() {
        for (amount, places, part) in [
            (0.5, 1.0, 0.5),
            (2.0, 3.0, 0.444),
            (6.0, 10.0, 0.101),
            (7.0, 10.0, 0.222),
            (80.0, 90.0, 0.195),
        ] {
            let got = waiting(amount, places);
            assert!((got - part).abs() < 0.003, "{amount} in {places}: {got}");
        }
    }

    #[test]
    fn room_is_made_where_many_would_wait_and_not_for_single_requests() {
        // In flight, places in each, at least, wanted.
        for (amount, limit, least, wanted) in [
            (4.0, 10.0, 1, 1),
            (6.5, 10.0, 1, 2),
            (12.0, 10.0, 2, 2),
            (95.0, 10.0, 10, 12),
            (9_950.0, 10.0, 995, 998),
            (0.3, 1.0, 1, 1),
            (2.0, 1.0, 2, 4),
        ] {
            let (count, _) = room(least, 10_000, amount, limit);
            assert_eq!(count, wanted, "{amount} in flight over {limit}");
        }
        assert_eq!(room(1, 1, 9.0, 10.0).0, 1, "no more than the most");
    }
}
