//! What odd values come to.

use super::list::LIST_MAX;
use super::*;

lenient! {
    /// A record of two levels.
    struct Outer<'a> (ignoring case) {
        name: Text<'a> = "name" | "title",
        inner: Inner<'a> = "inner",
        list: List<Inner<'a>> = "list",
        texts: List<Text<'a>> = "texts",
        flag: Present = "flag",
    }
}
lenient! {
    struct Inner<'a> {
        code: Text<'a> = "code",
        odd: Present = "Odd",
    }
}

fn read(json: &str) -> Outer<'_> {
    serde_json::from_str(json).unwrap()
}

#[test]
fn spellings_types_and_repeats() {
    for (json, name) in [
        (r#"{"name":"a"}"#, "a"),
        (r#"{"NAME":"a"}"#, "a"),
        (r#"{"Title":"t","name":"a"}"#, "t"),
        (r#"{"title":"","name":"a"}"#, "a"),
        (r#"{"title":null,"name":7}"#, "7"),
        (r#"{"name":-7}"#, "-7"),
        (r#"{"name":1.5}"#, "1.5"),
        (r#"{"name":true}"#, "true"),
        (r#"{"name":[1,[2]]}"#, ""),
        (r#"{"name":{"a":{"b":1}}}"#, ""),
        (r#"{"name":"a","name":"b"}"#, "a"),
        (r#"{"name":"\u00e4\"b"}"#, "ä\"b"),
        (r#"{"x":1}"#, ""),
        ("[1]", ""),
        ("7", ""),
    ] {
        assert_eq!(read(json).name.as_str(), name, "{json}");
    }
}

#[test]
fn nested_values() {
    for json in [
        r#"{"inner":{"code":5,"Odd":null}}"#,
        r#"{"inner":"{\"code\":\"5\",\"Odd\":[]}"}"#,
        r#"{"inner":null,"INNER":{"code":"5","Odd":0}}"#,
        r#"{"list":[{"code":"5","Odd":1}],"inner":{"code":"5","Odd":1}}"#,
        r#"{"inner":{"code":"5","Odd":1e999}}"#,
        r#"{"inner":{"Odd":"\ud800","code":"5"}}"#,
    ] {
        let outer = read(json);
        assert_eq!(outer.inner.code.as_str(), "5", "{json}");
        assert!(outer.inner.odd.0, "{json}");
    }
    for json in [r#"{"inner":"no json"}"#, r#"{"inner":"{broken"}"#, r#"{"inner":[{}]}"#] {
        assert!(read(json).inner.is_empty(), "{json}");
    }
}

#[test]
fn lists() {
    for (json, codes) in [
        (r#"{"list":[{"code":"1"},{"code":""},7,{"code":"2"}]}"#, 2),
        (r#"{"list":{"code":"1"}}"#, 1),
        (r#"{"list":"{\"code\":\"1\"}"}"#, 1),
        (r#"{"list":null}"#, 0),
        (r#"{"list":"text"}"#, 0),
    ] {
        assert_eq!(read(json).list.0.len(), codes, "{json}");
    }
    for (json, texts) in [
        (r#"{"texts":["a","",null,7,true,{},[1]]}"#, &["a", "7", "true"][..]),
        (r#"{"texts":"a"}"#, &["a"]),
        (r#"{"texts":7}"#, &["7"]),
        (r#"{"texts":{"a":1}}"#, &[]),
        (r#"{"texts":null}"#, &[]),
    ] {
        let read = read(json).texts.0;
        assert_eq!(read.iter().map(Text::as_str).collect::<Vec<_>>(), texts, "{json}");
    }
    let long = format!(r#"{{"list":[{}],"name":"after"}}"#, vec![r#"{"code":"1"}"#; 999].join(","));
    assert_eq!(read(&long).list.0.len(), LIST_MAX);
    assert_eq!(read(&long).name.as_str(), "after");
}
