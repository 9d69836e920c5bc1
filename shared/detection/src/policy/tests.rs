//! Tests of whole policy files.

use proptest::prelude::*;

use super::*;
use crate::detections::{DETECTIONS, Unit};
use crate::evidence::operation_hash;

/// The faults of a file, as they are printed but for the file's name.
fn faults(text: &str) -> Vec<String> {
    let (_, errors) = Policy::read(text);
    errors.iter().map(|fault| format!("{}: {}", fault.line, fault.message)).collect()
}

fn detection(id: &str) -> &'static Detection {
    DETECTIONS.iter().find(|detection| detection.id == id).unwrap()
}

fn day() -> Day {
    Day::parse("2026-03-02").unwrap()
}

#[test]
fn without_a_file_the_defaults_are_complete() {
    let policy = Policy::parse("").unwrap();
    for detection in DETECTIONS {
        assert!(policy.is_enabled(detection));
        for parameter in detection.parameters {
            assert_eq!(policy.value(detection, parameter), parameter.default);
            assert!(parameter.default >= 1);
        }
    }
    assert!(!policy.has_country_rules());
    assert!(policy.lists().is_empty());
    assert_eq!(policy.trusted_network([198, 51, 100, 7].into(), day()), None);
    assert_eq!(policy.critical_asset("prod-db"), None);
    assert!(policy.is_privileged(operation_hash("CreateAccessKey")));
    assert_eq!(policy.describe(), Policy::default().describe());
}

#[test]
fn the_example_is_understood_and_shows_everything() {
    let policy = Policy::parse(EXAMPLE).unwrap();
    for detection in DETECTIONS {
        assert!(EXAMPLE.contains(&format!("[detections.{}]", detection.id)), "{}", detection.id);
        for parameter in detection.parameters {
            let key = (detection.id, parameter.name);
            assert_eq!(policy.values.get(&key), Some(&parameter.default), "{key:?}");
        }
    }
    let code = |text: &str| text.parse().unwrap();
    assert_eq!(policy.country_verdict(code("DE")), None);
    assert_eq!(policy.country_verdict(code("KP")), Some(CountryVerdict::NotAllowed));
    assert_eq!(policy.trusted_network([198, 51, 100, 7].into(), day()), Some("HQ VPN"));
    assert_eq!(policy.critical_asset("PROD-db-1"), Some("prod-*"));
    assert!(policy.is_privileged(operation_hash("runinstances")));
    assert!(!policy.is_privileged(operation_hash("PutBucketVersioning")));
    let [ipsum, tor] = policy.lists() else { panic!("not two lists") };
    assert_eq!((ipsum.name.as_str(), ipsum.category), ("ipsum", Category::Malicious));
    assert_eq!((tor.name.as_str(), tor.column.as_deref()), ("Tor exits", Some("ipaddr")));
    let [suppression] = policy.suppressions() else { panic!("not one suppression") };
    assert_eq!(suppression.until.to_string(), "2026-12-31");
    let shown = Policy::default().announcements;
    assert_eq!(policy.announcements, shown, "what is shown is the default");
    assert_eq!(*policy.response(), Response::default(), "what is shown is the default");
    let line = EXAMPLE.lines().nth(tor.line - 1).unwrap();
    assert_eq!(line, "path = \"lists/tor-exits.csv\"");
}

#[test]
fn values_hold() {
    let text = "[detections.login-failures]\nenabled = false\nfailures = 1_000\n\
                [detections.password-spray]\nwindow_minutes = 0x10\n\
                [countries]\ndeny = [\"kp\", \"KP\"]\n";
    let policy = Policy::parse(text).unwrap();
    let value = |id, name| {
        let parameters = detection(id).parameters;
        policy.value(detection(id), parameters.iter().find(|it| it.name == name).unwrap())
    };
    assert!(!policy.is_enabled(detection("login-failures")));
    assert!(policy.is_enabled(detection("password-spray")));
    assert_eq!(value("login-failures", "failures"), 1000);
    assert_eq!(value("password-spray", "window_minutes"), 16);
    assert_eq!(value("login-after-failures", "failures"), 5);
    assert_eq!(policy.country_verdict("KP".parse().unwrap()), Some(CountryVerdict::Denied));
    assert_eq!(policy.country_verdict("DE".parse().unwrap()), None);
}

#[test]
fn all_faults_are_reported_together() {
    let text = r#"critical_assets = ["*", 7]
watch = true
[detections.login-failure]
enabled = true
[detections.login-failures]
window_minutes = 0
slow_window_minutes = 43_201
failures = -1
slow_failures = "10"
enabled = "yes"
threshold = 3
[detections.password-spray]
accounts = 2.5
[countries]
allow = ["DE", "UK"]
deny = []
[[lists]]
path = ""
category = "evil"
[[lists]]
name = "x"
[[lists]]
path = "a/ipv4.txt"
category = "hosting"
[[lists]]
path = "b/ipv4.txt"
category = "anonymizer"
[[trusted_networks]]
name = "HQ"
networks = ["198.51.100.7/24",
  "8.0.0.0/7", "hq"]
[privileged_operations]
add = ["iam:*"]
remove = ["ListUsers"]
critical_assets = ["prod-*"]
"#;
    let expected = "\
1: `critical_assets` must be a string, not a number
1: the pattern `*` matches every name
2: unknown key `watch` in the file; there are critical_assets, detections, countries, feeds, lists, trusted_networks, privileged_operations, suppressions, announcements, response
3: unknown key `login-failure` in [detections]; did you mean `login-failures`?
6: `window_minutes` must be a whole number from 1 to 43200, not `0`
7: `slow_window_minutes` must be a whole number from 1 to 43200, not `43201`
8: `failures` must be a whole number from 1 to 10000000, not `-1`
9: `slow_failures` must be a whole number from 1 to 10000000, not a string
10: `enabled` must be true or false, not a string
11: unknown key `threshold` in [detections.login-failures]; there are enabled, failures, window_minutes, slow_failures, slow_window_minutes, spread_failures, spread_addresses, spread_window_minutes
13: `accounts` must be a whole number from 1 to 10000000, not a fraction
15: `UK` is not a country; two letters of ISO 3166-1 are expected, such as DE or US
16: [countries] takes `allow` or `deny`, not both
18: `path` is empty
19: `evil`: no such category; there are malicious, custom, tor, reported, anonymizer, scanner, hosting, cloud, trusted, own
20: [[lists]] needs `category`
20: [[lists]] needs `path`
25: the list of line 23 is called `ipv4` too; set `name`
30: `198.51.100.7/24` has bits set behind its prefix; did you mean 198.51.100.0/24?
31: `8.0.0.0/7` is wider than /8
31: `hq` is not an address or a prefix
33: the operation `iam:*` has a wildcard; operations are named exactly, as the log records them
34: the operation `ListUsers` is not among the privileged operations
35: `critical_assets` belongs at the top of the file, above the first section; here it is a key of [privileged_operations]";
    assert_eq!(faults(text).join("\n"), expected);
}

#[test]
fn wrong_shapes() {
    for (text, expected) in [
        ("detections = 1", "1: `detections` must be a section [detections], not a number"),
        ("countries = []", "1: `countries` must be a section [countries], not an array"),
        ("[lists]", "1: `lists` must be sections [[lists]], in two brackets, not a section"),
        ("lists = [1]", "1: `lists` must be a section [lists], not a number"),
        ("critical_assets = 1", "1: `critical_assets` must be an array of strings, not a number"),
        ("[countries]\nallow = []", "2: `allow` names no country"),
        (
            "[detections.denied-country]\nx = 1",
            "2: unknown key `x` in [detections.denied-country]; there are enabled",
        ),
    ] {
        assert_eq!(faults(text), [expected], "{text}");
    }
    let large = "#".repeat(1024 * 1024 + 1);
    assert_eq!(faults(&large), ["1: the file is larger than 1 MiB"]);
}

#[test]
fn broken_lines_do_not_hide_the_others() {
    let text = "[[lists]]\npath = lists/bad.txt\ncategory = \"malicious\"\n\n\
                [countries]\nallow = [\"XX\"]\n";
    let faults = faults(text);
    assert!(faults.iter().any(|fault| fault.starts_with("2: ")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("6: `XX` is not")), "{faults:?}");
    assert!(faults.iter().all(|fault| !fault.contains("needs")), "{faults:?}");
}

#[test]
fn the_caller_adds_unreadable_lists() {
    let text = "[[lists]]\npath = \"bad.txt\"\ncategory = \"custom\"\n[x]\n";
    let (policy, mut errors) = Policy::read(text);
    let list = &policy.lists()[0];
    errors.push(list.line, format!("cannot read {}", list.path));
    let printed = errors.in_file("p.toml").to_string();
    assert!(printed.starts_with("p.toml:2: cannot read bad.txt\np.toml:4: unknown key `x`"));
}

#[test]
fn a_policy_in_words() {
    let text = "critical_assets = [\"prod-*\"]\n[detections.password-spray]\naccounts = 7\n\
                [detections.error-burst]\nenabled = false\n[countries]\ndeny = [\"KP\", \"IR\"]\n\
                [[lists]]\npath = \"l/bad.txt\"\ncategory = \"custom\"\n\
                [[trusted_networks]]\nname = \"HQ\"\nnetworks = [\"198.51.100.0/24\"]\n\
                until = 2026-12-31\n[feeds.vpn]\nenabled = false\n[feeds.tor-exits]\n\
                url = \"s3://lists/tor.txt\"\nrefresh_minutes = 90\n\
                [response]\nhours = 6\n[privileged_operations]\nadd = [\"RunInstances\"]\n";
    let words = Policy::parse(text).unwrap().describe();
    for line in [
        "  login-failures: on (default)",
        "  error-burst: off",
        "    accounts = 7 (default 5): ",
        "    window_minutes = 20 min (default): ",
        "Countries: denied are IR, KP",
        "  bad: custom, l/bad.txt",
        "  vpn: off",
        "  ipsum (default): malicious, https://raw.githubusercontent.com/stamparm/ipsum/",
        "  tor-exits: tor, s3://lists/tor.txt, every 90 min",
        "  HQ: 198.51.100.0/24, until 2026-12-31",
        "  prod-*",
        "  severity = High (default): ",
        "  hours = 6 (default 24): ",
        "  + RunInstances",
    ] {
        assert!(words.lines().any(|of| of.starts_with(line)), "{line} is not in\n{words}");
    }
    let words = Policy::default().describe();
    assert_eq!(words.matches(": none (default)").count(), 4);
    let minutes =
        DETECTIONS.iter().flat_map(|it| it.parameters).filter(|it| it.unit == Unit::Minutes);
    assert_eq!(words.matches(" min (default)").count(), minutes.count());
}

/// Pieces of TOML, so that random files get past the first bracket.
fn piece() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ".",
        ",",
        "\"",
        "'",
        "\n",
        " ",
        "#",
        "1",
        "0x",
        "-",
        "true",
        "1979-05-27",
        "lists",
        "feeds",
        "url",
        "detections",
        "countries",
        "allow",
        "deny",
        "path",
        "login-failures",
        "trusted_networks",
        "networks",
        "name",
        "critical_assets",
        "enabled",
        "\u{feff}",
        "ü",
        "\"\"\"",
    ];
    prop_oneof![8 => proptest::sample::select(WORDS).prop_map(str::to_owned), 1 => ".{0,3}"]
}

proptest! {
    #[test]
    fn no_text_panics(pieces in proptest::collection::vec(piece(), 0..60)) {
        let text = pieces.concat();
        let (policy, errors) = Policy::read(&text);
        let lines = text.split('\n').count();
        prop_assert!(errors.iter().all(|fault| (1..=lines).contains(&fault.line)));
        prop_assert!(!policy.describe().is_empty());
    }
}

#[test]
fn deep_files_end() {
    for text in [
        format!("a = {}", "[".repeat(100_000)),
        format!("{} = 1", vec!["a"; 100_000].join(".")),
        format!("[{}]", vec!["a"; 100_000].join(".")),
        format!("a = {}", "{a=".repeat(100_000)),
        "[[lists]]\n".repeat(50_000),
        "x\n".repeat(200_000),
    ] {
        assert!(!faults(&text).is_empty());
    }
}
