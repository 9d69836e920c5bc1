//! What is written is read back, whatever strangers wrote into it.

use callerwatch_response::{Effect, ask};

use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(1_772_443_500_000).unwrap().plus_secs(secs)
}

fn a_target(kind: TargetKind) -> TargetId {
    TargetId { kind, arn: format!("arn:aws:x::111111111111:{}/a b", kind.as_str()) }
}

fn cause(score: u8, title: &str) -> Cause {
    let by = By::Alert("password-spray".to_owned());
    let title = title.to_owned();
    Cause { since: at(1), by, title, score, severity: Severity::of_score(score) }
}

fn a_denial() -> Denial {
    let by_hand = Cause { by: By::Person("arn:aws:iam::1:user/é".to_owned()), ..cause(100, "x") };
    Denial {
        network: "2001:db8:7::/64".parse().unwrap(),
        causes: [("1".to_owned(), cause(61, "a \"title\"")), ("2".to_owned(), by_hand)].into(),
        since: at(0),
        until: at(3600),
        states: [
            (a_target(TargetKind::Policy), State::Denied),
            (a_target(TargetKind::OrganizationPolicy), State::NoRoom),
            (a_target(TargetKind::Ipv4Set), State::Foreign),
            (a_target(TargetKind::Ipv6Set), State::Failed("it broke".to_owned())),
        ]
        .into(),
        removed: None,
        let_go: BTreeMap::new(),
    }
}

fn removed(denial: &Denial, why: &str) -> Denial {
    let (by, why) = ("arn:aws:iam::1:user/é".to_owned(), why.to_owned());
    denial.ended(Removal { time: at(2), by, why, until: at(9000), is_done: true })
}

#[test]
fn a_denial_is_read_back_as_it_was() {
    let mut it = a_denial();
    assert_eq!(denial(&of_denial(&it)), Some(it.clone()));
    it.states.insert(a_target(TargetKind::Ipv4Set), State::Left);
    let ended = removed(&it, "it was ours");
    assert_eq!(ended.let_go.keys().collect::<Vec<_>>(), ["1"]);
    assert_eq!(denial(&of_denial(&ended)), Some(ended));
}

#[test]
fn what_was_taken_out_is_read_back() {
    let some = ["203.0.113.7/32", "203.0.113.8/32", "2001:db8:7::/64"];
    let times = [at(0), at(0), at(7)];
    let it: BTreeMap<IpNet, Timestamp> =
        some.iter().map(|it| it.parse().unwrap()).zip(times).collect();
    assert_eq!(taken_out(Some(&of_taken_out(&it))), it);
    assert_eq!(taken_out(None), BTreeMap::new());
    assert_eq!(taken_out(Some(&AttributeValue::S("x".to_owned()))), BTreeMap::new());
}

#[test]
fn what_another_version_wrote_is_passed_over() {
    let text = of_denial(&a_denial()).replace("\"no room\"", "\"elsewhere\"");
    let read = denial(&text.replacen('{', "{\"new\":1,", 1)).unwrap();
    assert_eq!(read.states.len(), 3);
    for broken in ["", "{}", "[]", "{\"network\":\"203.0.113.7/33\"}"] {
        assert_eq!(denial(broken), None, "{broken}");
    }
}

#[test]
fn sizes_are_bounded_and_the_gravest_causes_stay() {
    let mut it = Denial { causes: BTreeMap::new(), ..a_denial() };
    let title = "\u{202e}\u{1}".repeat(10_000);
    for n in 0..90 {
        let uid = format!("{n:032}");
        let asked = ask(Some(&it), it.network, &uid, cause(n, &title), at(1), at(7200));
        let Effect::Extended(extended) = asked else { panic!("{asked:?}") };
        it = extended;
    }
    it = removed(&it, &title);
    it.states.insert(a_target(TargetKind::Policy), State::Failed(title));
    let text = of_denial(&it);
    assert!(text.len() < 200_000, "{}", text.len());
    let read = denial(&text).unwrap();
    assert_eq!((read.removed.is_some(), read.let_go.len()), (true, 20));
    let scores: Vec<u8> = read.causes.values().map(|it| it.score).collect();
    assert_eq!(scores, (70..90).collect::<Vec<_>>());
}

#[test]
fn settings_are_read_back_as_they_were() {
    let it = Settings {
        mode: Mode::Enforce,
        targets: vec![a_target(TargetKind::Policy), a_target(TargetKind::Ipv6Set)],
        attached_to: vec!["arn:aws:iam::111111111111:group/people".to_owned()],
        break_glass: vec!["arn:aws:iam::*:role/break-glass".to_owned()],
        account: "111111111111".to_owned(),
        state_bucket: "state".to_owned(),
        topic_arn: "arn:aws:sns:eu-west-1:111111111111:alerts".to_owned(),
        revoked_roles: vec!["arn:aws:iam::111111111111:role/deployer".to_owned()],
    };
    assert_eq!(settings(&of_settings(&it)), Some(it.clone()));
    assert_eq!(settings("{}"), None);
    // Whatever is not known to be enforced is not.
    let read = settings(&of_settings(&it).replace("enforce", "later")).unwrap();
    assert_eq!(read.mode, Mode::DryRun);
}

#[cfg(feature = "operator")]
#[test]
fn targets_are_read_back_as_they_are_written() {
    let it = a_target(TargetKind::OrganizationPolicy);
    assert_eq!(target(&it.to_string()), Some(it));
    assert_eq!(target("firewall arn:aws:x"), None);
}

#[test]
fn networks_are_read_back_and_fit() {
    let texts = [
        "0.0.0.0/0",
        "10.0.0.0/9",
        "203.0.113.0/24",
        "203.0.113.7/32",
        "::/0",
        "2001:db8::/33",
        "2001:db8:7::/64",
        "2001:db8::1/128",
    ];
    let some: BTreeSet<IpNet> = texts.iter().map(|it| it.parse().unwrap()).collect();
    assert_eq!(networks(Some(&of_networks(&some))), some);
    assert_eq!(networks(Some(&of_networks(&BTreeSet::new()))), BTreeSet::new());
    assert_eq!(networks(None), BTreeSet::new());
    // Damaged, it is less, and nothing else.
    let damaged = AttributeValue::B(Blob::new([200_u8, 1, 40, 1, 32, 203, 0]));
    assert!(networks(Some(&damaged)).len() <= 2);
    let many: BTreeSet<IpNet> =
        (0..20_000_u128).map(|n| Ipv6Net::new((n << 64).into(), 64).unwrap().into()).collect();
    let AttributeValue::B(bytes) = of_networks(&many) else { panic!("bytes") };
    assert!(bytes.as_ref().len() <= 180_000);
}
