use chrono::DateTime;

use super::*;

const HOUR_S: i64 = 3600;

fn at(hours: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000 + hours * HOUR_S, 0).unwrap_or_default()
}

/// Signs for 100 hours, published 10 before, tokens live 1.
fn schedule() -> KeySchedule {
    KeySchedule {
        algorithm: Algorithm::Es256,
        period: TimeDelta::hours(100),
        lead: TimeDelta::hours(10),
        longest_token: TimeDelta::hours(1),
    }
}

fn key(algorithm: Algorithm, generation: i64, signs_from: i64) -> KeyTimes {
    KeyTimes {
        kid: format!("{algorithm}-{generation}"),
        algorithm,
        generation,
        created_at: at(signs_from - 10),
        signs_from: at(signs_from),
    }
}

fn own(generation: i64, signs_from: i64) -> KeyTimes {
    key(Algorithm::Es256, generation, signs_from)
}

fn make(generation: i64, signs_from: i64) -> Vec<KeyStep> {
    vec![KeyStep::Make { generation, signs_from: at(signs_from) }]
}

#[test]
fn the_first_key_signs_at_once() {
    assert_eq!(schedule().steps(&[], at(0)), make(1, 0));
}

#[test]
fn a_key_is_published_before_it_signs_and_until_the_last_token_of_its_own_has_expired() {
    let schedule = schedule();
    assert_eq!(schedule.steps(&[own(1, 0)], at(89)), []);
    assert_eq!(schedule.steps(&[own(1, 0)], at(90)), make(2, 100));
    let both = [own(1, 0), own(2, 100)];
    assert_eq!(schedule.steps(&both, at(90)), []);
    assert_eq!(schedule.signing(&both, at(99)), Some(0));
    assert_eq!(schedule.signing(&both, at(100)), Some(1));
    assert_eq!(schedule.steps(&both, at(100)), []);
    assert_eq!(schedule.steps(&both, at(101)), [KeyStep::Remove("ES256-1".to_owned())]);
}

/// Nobody was there at the time: the key that is there signs on until verifiers know the next one.
#[test]
fn a_rotation_that_is_overdue_still_gives_verifiers_their_time() {
    assert_eq!(schedule().steps(&[own(1, 0)], at(500)), make(2, 510));
    assert_eq!(schedule().signing(&[own(1, 0), own(2, 510)], at(509)), Some(0));
}

#[test]
fn another_algorithm_takes_over_only_when_verifiers_know_its_key() {
    let schedule = schedule();
    let rsa = key(Algorithm::Rs256, 1, 0);
    assert_eq!(schedule.steps(std::slice::from_ref(&rsa), at(50)), make(1, 60));
    let both = [rsa, own(1, 60)];
    assert_eq!(schedule.signing(&both, at(59)), Some(0));
    assert_eq!(schedule.signing(&both, at(60)), Some(1));
    // A replica with the old settings may go on with it until its time is over.
    assert_eq!(schedule.steps(&both, at(100)), []);
    assert_eq!(schedule.steps(&both, at(101)), [KeyStep::Remove("RS256-1".to_owned())]);
}

#[test]
fn asked_for_a_successor_there_is_one_at_a_time() {
    let schedule = schedule();
    assert_eq!(schedule.successor(&[own(1, 0)], at(5)), Some((2, at(15))));
    assert_eq!(schedule.successor(&[own(1, 0), own(2, 15)], at(5)), None);
    assert_eq!(schedule.successor(&[], at(5)), Some((1, at(5))), "nobody waits for the first");
}

/// Another replica's clock is ahead, and has made a key that is to sign in our future.
#[test]
fn who_is_behind_signs_with_the_first_key_that_will() {
    assert_eq!(schedule().signing(&[own(3, 20), own(2, 10)], at(0)), Some(1));
    assert_eq!(schedule().signing(&[], at(0)), None);
}
