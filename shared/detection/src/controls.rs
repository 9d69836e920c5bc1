//! Which controls of which frameworks a detection serves, as `controls.txt` says with its sources.
//!
//! Promises an answer for whatever is asked: a line that is no entry is passed over, and a test
//! refuses such lines, controls without a source and detections without controls.

use std::sync::LazyLock;

const TEXT: &str = include_str!("controls.txt");

/// That a detection serves a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// `NIST SP 800-53 r5`, `HITRUST CSF v9` or `GDPR`.
    pub framework: &'static str,
    /// How the framework refers to it: `AC-2(12)`, `09.ab`, `Art. 33(1)`.
    pub id: &'static str,
    /// What the framework calls it.
    pub name: &'static str,
    /// Where its text, or its name where the text is licensed, is public.
    pub source: &'static str,
    /// What the detection contributes to it.
    pub why: &'static str,
}

/// The controls that a detection serves, by framework in the order of the file: its own before
/// those that every detection serves.
pub fn of(detection: &str) -> Vec<Control> {
    let serves = &TABLE.serves;
    let of = |who| serves.iter().filter(move |(by, _)| *by == who).map(|(_, control)| *control);
    let mut controls: Vec<Control> = of(detection).chain(of("every")).collect();
    controls.sort_by_key(|it| TABLE.frameworks.iter().position(|known| *known == it.framework));
    controls
}

/// The identifiers of the controls that detections serve, in order, a list a framework.
pub fn identifiers<'a>(
    detections: impl Iterator<Item = &'a str>,
) -> Vec<(&'static str, Vec<&'static str>)> {
    let controls: Vec<Control> = detections.flat_map(of).collect();
    let of_framework = |framework: &&'static str| {
        let of_it = controls.iter().filter(|control| control.framework == *framework);
        let mut ids: Vec<&str> = of_it.map(|control| control.id).collect();
        ids.sort_unstable();
        ids.dedup();
        (*framework, ids)
    };
    TABLE.frameworks.iter().map(of_framework).collect()
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(TEXT));

#[derive(Default)]
struct Table {
    frameworks: Vec<&'static str>,
    /// A detection, or `every`, and what it serves.
    serves: Vec<(&'static str, Control)>,
}

impl Table {
    fn read(text: &'static str) -> Self {
        let mut table = Self::default();
        let mut controls: Vec<Control> = Vec::new();
        for fields in entries(text) {
            match fields.as_slice() {
                ["control", framework, id, name, source] => {
                    controls.push(Control { framework, id, name, source, why: "" });
                    if !table.frameworks.contains(framework) {
                        table.frameworks.push(framework);
                    }
                }
                [who, id, why] => {
                    if let Some(control) = controls.iter().find(|control| control.id == *id) {
                        table.serves.push((who, Control { why, ..*control }));
                    }
                }
                _ => {}
            }
        }
        table
    }
}

fn entries(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split('|').map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::detections::DETECTIONS;

    #[test]
    fn the_file_is_whole() {
        let (mut controls, mut served) = (HashSet::new(), HashSet::new());
        for fields in entries(TEXT) {
            assert!(fields.iter().all(|field| !field.is_empty()), "{fields:?}");
            match fields.as_slice() {
                ["control", _, id, _, source] => {
                    assert!(source.starts_with("https://"), "{fields:?}");
                    assert!(controls.insert(*id), "told twice: {id}");
                }
                [who, id, _] => {
                    assert!(controls.contains(id), "no such control: {fields:?}");
                    assert!(served.insert((*who, *id)), "told twice: {fields:?}");
                    let is_known = DETECTIONS.iter().any(|detection| detection.id == *who);
                    assert!(is_known || *who == "every", "no such detection: {fields:?}");
                }
                _ => panic!("no entry: {fields:?}"),
            }
        }
        for id in controls {
            assert!(served.iter().any(|(_, served)| *served == id), "no detection serves {id}");
        }
    }

    #[test]
    fn every_detection_serves_controls_of_its_own_in_every_framework() {
        for detection in DETECTIONS {
            let of_all = TABLE.serves.iter().any(|(who, _)| *who == detection.id);
            assert!(of_all, "controls.txt does not say what {} serves", detection.id);
            let controls = of(detection.id);
            let frameworks: HashSet<&str> = controls.iter().map(|it| it.framework).collect();
            assert_eq!(frameworks.len(), 3, "{}", detection.id);
            let distinct: HashSet<&str> = controls.iter().map(|it| it.id).collect();
            assert_eq!(distinct.len(), controls.len(), "{}", detection.id);
        }
    }

    #[test]
    fn identifiers_are_told_once() {
        assert_eq!(
            identifiers(["login-failures", "password-spray"].into_iter()),
            [
                ("NIST SP 800-53 r5", vec!["AC-7", "AU-6", "IA-5", "SI-4", "SI-4(5)"]),
                ("HITRUST CSF v9", vec!["01.d", "01.p", "09.ab"]),
                ("GDPR", vec!["Art. 32(1)(b)", "Art. 33(1)"]),
            ]
        );
    }
}
