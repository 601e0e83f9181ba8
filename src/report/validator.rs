//! A validator for the part of JSON Schema that the published schema uses. The suite in `tests/` includes this file too.

use serde_json::Value;

/// Checks a value against a schema, and adds an error for each violation. A keyword of JSON Schema that is not supported here is
/// an error too, so that no rule is ignored.
pub fn check(root: &Value, schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    let place = |what: &str| format!("{path}: {what}");
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" | "pattern" | "required" | "additionalProperties" => {
            }
            "type" => {
                let is = |name: &Value| match name.as_str() {
                    Some("string") => value.is_string(),
                    Some("integer") => value.is_u64(),
                    Some("boolean") => value.is_boolean(),
                    Some("array") => value.is_array(),
                    Some("object") => value.is_object(),
                    Some("null") => value.is_null(),
                    _ => false,
                };
                if !rule.as_array().map_or_else(|| is(rule), |names| names.iter().any(is)) {
                    errors.push(place(&format!("{value} is not {rule}")));
                }
            }
            "const" if value != rule => errors.push(place(&format!("{value} is not {rule}"))),
            "enum" if !rule.as_array().expect("a list").contains(value) => {
                errors.push(place(&format!("{value} is not in {rule}")))
            }
            "const" | "enum" | "minimum" => {}
            "minLength" if value.as_str().is_some_and(str::is_empty) => errors.push(place("is empty")),
            "minLength" => {}
            "$ref" => {
                let name = rule.as_str().and_then(|text| text.strip_prefix("#/$defs/")).expect("a local reference");
                check(root, &root["$defs"][name], value, path, errors);
            }
            "properties" => properties(root, schema, value, path, errors),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{path}[{index}]"), errors);
                }
            }
            "anyOf" | "oneOf" => {
                let rules = rule.as_array().expect("a list").iter();
                let passed = rules.filter(|rule| passes(root, rule, value, path)).count();
                if passed == 0 || keyword == "oneOf" && passed > 1 {
                    errors.push(format!("{path}: {passed} of {keyword} fit"));
                }
            }
            "allOf" => {
                for rule in rule.as_array().expect("a list") {
                    let wanted = &rule["if"]["properties"]["code"]["const"];
                    if value["code"] == *wanted {
                        check(root, &rule["then"], value, path, errors);
                    }
                }
            }
            other => errors.push(format!("{path}: the schema uses {other}")),
        }
    }
    if let Some(name) = required(schema, value) {
        errors.push(format!("{path}: {name} is not there"));
    }
}

fn passes(root: &Value, schema: &Value, value: &Value, path: &str) -> bool {
    let mut errors = Vec::new();
    check(root, schema, value, path, &mut errors);
    errors.is_empty()
}

fn required(schema: &Value, value: &Value) -> Option<String> {
    let names = schema.get("required")?.as_array()?;
    names.iter().filter_map(Value::as_str).find(|name| value.get(name).is_none()).map(str::to_owned)
}

fn properties(root: &Value, schema: &Value, value: &Value, path: &str, errors: &mut Vec<String>) {
    let known = schema["properties"].as_object().expect("an object");
    for (name, value) in value.as_object().into_iter().flatten() {
        match known.get(name) {
            Some(rule) => check(root, rule, value, &format!("{path}.{name}"), errors),
            None if schema["additionalProperties"] == false => {
                errors.push(format!("{path}: {name} is not in the schema"))
            }
            None => {}
        }
    }
}
