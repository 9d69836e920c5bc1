//! `docs/DETECTIONS.md`: the catalogue, of each detection all that it says of itself.

use std::fmt::Write as _;

use callerwatch_detection::detections::{DETECTIONS, Detection, Parameter, Technique, Unit};
use callerwatch_detection::score::Severity;

use crate::{RENEW, check};

#[test]
fn the_catalogue_is_told() {
    check("DETECTIONS.md", &page());
}

fn page() -> String {
    let mut page = format!(
        "# Detections\n\n<!-- Made by a test of the catalogue in shared/detection/src/detections: do \
         not edit, run `{RENEW}`. -->\n\nEach looks at the evidence of one source, in whatever cloud.\n\
         All windows slide over the time of events.\nAll numbers are defaults, which a policy sets \
         under `[detections.ID]`; `enabled = false` switches one off.\n\n\
         Controls say what a detection contributes to them, not that it satisfies them.\nHITRUST CSF is \
         licensed: its controls are told by reference and name, as others publish them.\n\n"
    );
    page.push_str("| detection | what it finds | ATT&CK |\n|---|---|---|\n");
    for detection in DETECTIONS {
        let (id, title) = (detection.id, detection.title);
        let technique = link(detection.technique);
        let _ = writeln!(page, "| [`{id}`](#{id}) | {title} | {technique} |");
    }
    page.push_str("\n## How a score comes about\n\n");
    page.push_str(
        "All findings of one source and UTC day are one alert.\nIts score is the highest base of its \
         findings, since others read the same calls again; what is said of the address itself \
         (`listed-source`, `denied-country`, `cross-cloud`) adds to it, and so does every further \
         reason, once.\nIn any alert: +15 where root made a call, +20 where a call touched a critical \
         asset of the policy; -30 from a trusted network or an address on a list of the category own or \
         trusted, else -10 from a cloud's, of which the strongest counts and none ever silences it.\nThe sum \
         is kept within 0 to 100, and printed with its reasons.\n\n",
    );
    let severities = Severity::ALL.map(|it| format!("{it} from {}", it.points()));
    let _ = writeln!(page, "{}.", severities.join(", "));
    for detection in DETECTIONS {
        tell(detection, &mut page);
    }
    page
}

fn tell(detection: &Detection, page: &mut String) {
    let (tactic_uid, tactic) = detection.technique.tactic;
    let _ = write!(
        page,
        "\n## {}\n\n**{}.** {}\n\n{}**Score.** {}\n\n**ATT&CK.** {} ({tactic}, {tactic_uid}).\n\n\
         **False positives.** {}\n\n**What to do.** {}\n\n| control | what the detection \
         contributes |\n|---|---|\n",
        detection.id,
        detection.title,
        detection.logic,
        defaults(detection),
        detection.score,
        link(detection.technique),
        detection.false_positives,
        detection.runbook
    );
    for control in detection.controls() {
        let (framework, id, name) = (control.framework, control.id, control.name);
        let _ =
            writeln!(page, "| {framework} [{id}]({}) {name} | {} |", control.source, control.why);
    }
}

/// A table of the numbers that a policy may set; nothing where there are none.
fn defaults(detection: &Detection) -> String {
    if detection.parameters.is_empty() {
        return String::new();
    }
    let mut table = "| parameter | default | meaning |\n|---|---|---|\n".to_owned();
    for parameter in detection.parameters {
        let (name, meaning) = (parameter.name, parameter.meaning);
        let _ = writeln!(table, "| `{name}` | {} | {meaning} |", value(parameter));
    }
    table + "\n"
}

fn value(parameter: &Parameter) -> String {
    match parameter.unit {
        Unit::Minutes if parameter.default.is_multiple_of(60) && parameter.default > 60 => {
            format!("{} ({} hours)", parameter.default, parameter.default / 60)
        }
        Unit::Minutes | Unit::Days | Unit::Count { .. } => parameter.default.to_string(),
    }
}

fn link(technique: Technique) -> String {
    let (uid, name) = technique.technique;
    format!("[{uid} {name}](https://attack.mitre.org/techniques/{}/)", uid.replace('.', "/"))
}
