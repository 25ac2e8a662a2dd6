//! The WIT package and the Rust types say the same: field by field, function by function. A change of one alone fails here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use quote::ToTokens;
use syn::{Fields, FnArg, Item, ReturnType, TraitItem};
use wit_parser::{Function, Handle, Interface, Resolve, Type, TypeDefKind, TypeId};

/// Named in WIT only: parts of Rust variants with named fields, and pairs of Rust.
const WIT_ONLY: [&str; 12] = [
    "AudioProbe",
    "Found",
    "Header",
    "HlsMedia",
    "HttpMedia",
    "MessageOut",
    "Reference",
    "SessionOpen",
    "TrackEnd",
    "TrackException",
    "TrackStart",
    "TrackStuck",
];

/// `Marker` is one of those too, but events alone have it.
const WIT_EVENTS: [&str; 1] = ["Marker"];

/// Kept apart on purpose: what differs, and why.
const DIFFERENT: [(&str, &str); 4] = [
    // A stream of the plugin's own cannot be called while the plugin calls: it is given as a whole.
    ("Host", "probe"),
    // Samples are replaced in place in Rust.
    ("Filter", "process"),
    // Convenience of the Rust trait, or inner workings.
    ("HttpResponse", "header"),
    ("HttpResponse", "as_any_mut"),
];

/// Modules of the crate that hold nothing which crosses the border.
const NO_DATA: [&str; 6] = ["carry", "export", "guest", "java_utf", "plugin", "probe_info"];

#[derive(Default)]
struct Rust {
    structs: BTreeMap<String, BTreeMap<String, String>>,
    /// Variants, each with its fields; those of a tuple are numbered.
    enums: BTreeMap<String, BTreeMap<String, Vec<(String, String)>>>,
    traits: BTreeMap<String, BTreeMap<String, Signature>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    parameters: Vec<String>,
    result: String,
}

fn text(tokens: &impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string().replace(' ', "");
    // Borrowed, boxed or sized by the machine makes no difference on the border.
    let text = text
        .replace("&str", "String")
        .replace("&mut", "")
        .replace('&', "");
    let text = text
        .replace("[u8]", "Vec<u8>")
        .replace("[SourcedTrack]", "Vec<SourcedTrack>");
    let text = text
        .replace("Box<dynHttpResponse>", "HttpResponse")
        .replace("Box<dynFilter>", "Filter");
    text.replace("usize", "u32")
        .replace("Duration", "u64")
        .replace("(String,Loaded)", "Found")
}

fn fields(fields: &Fields) -> Vec<(String, String)> {
    let named = fields.iter().enumerate().map(|(at, field)| {
        let name = field
            .ident
            .as_ref()
            .map_or_else(|| at.to_string(), ToString::to_string);
        (name, text(&field.ty))
    });
    named.collect()
}

fn signature(function: &syn::Signature) -> Signature {
    let parameters = function.inputs.iter().filter_map(|input| match input {
        FnArg::Receiver(_) => None,
        FnArg::Typed(typed) => Some(text(&typed.ty)).filter(|ty| ty != "dynHost"),
    });
    Signature {
        parameters: parameters.collect(),
        result: match &function.output {
            ReturnType::Default => "()".to_owned(),
            ReturnType::Type(_, ty) => text(ty),
        },
    }
}

fn rust() -> Rust {
    let mut rust = Rust::default();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in std::fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if path.extension().is_none_or(|ending| ending != "rs") || NO_DATA.contains(&&*stem) {
            continue;
        }
        for item in syn::parse_file(&std::fs::read_to_string(&path).unwrap())
            .unwrap()
            .items
        {
            match item {
                Item::Struct(item) => {
                    let all = fields(&item.fields).into_iter().collect();
                    rust.structs.insert(item.ident.to_string(), all);
                }
                Item::Enum(item) => {
                    let variants = item.variants.iter();
                    let variants =
                        variants.map(|variant| (variant.ident.to_string(), fields(&variant.fields)));
                    rust.enums.insert(item.ident.to_string(), variants.collect());
                }
                Item::Trait(item) => {
                    let functions = item.items.iter().filter_map(|item| match item {
                        TraitItem::Fn(function) => {
                            Some((function.sig.ident.to_string(), signature(&function.sig)))
                        }
                        _ => None,
                    });
                    rust.traits.insert(item.ident.to_string(), functions.collect());
                }
                _ => {}
            }
        }
    }
    rust
}

struct Wit {
    resolve: Resolve,
}

impl Wit {
    fn read() -> Self {
        let mut resolve = Resolve::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
        resolve.push_dir(folder).unwrap();
        Self { resolve }
    }

    fn interface(&self, name: &str) -> &Interface {
        let mut all = self.resolve.interfaces.iter().map(|(_, interface)| interface);
        all.find(|interface| interface.name.as_deref() == Some(name))
            .unwrap_or_else(|| panic!("there is no interface {name}"))
    }

    fn original(&self, mut id: TypeId) -> TypeId {
        while let TypeDefKind::Type(Type::Id(next)) = self.resolve.types[id].kind {
            id = next;
        }
        id
    }

    /// A type as Rust writes it.
    fn render(&self, ty: &Type) -> String {
        let id = match ty {
            Type::Bool => return "bool".to_owned(),
            Type::U8 => return "u8".to_owned(),
            Type::U16 => return "u16".to_owned(),
            Type::U32 => return "u32".to_owned(),
            Type::U64 => return "u64".to_owned(),
            Type::F32 => return "f32".to_owned(),
            Type::String => return "String".to_owned(),
            Type::Id(id) => self.original(*id),
            other => panic!("{other:?} has no counterpart"),
        };
        let optional = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "()".to_owned(), |ty| self.render(ty));
        let definition = &self.resolve.types[id];
        match &definition.kind {
            TypeDefKind::List(of) => format!("Vec<{}>", self.render(of)),
            TypeDefKind::Option(of) => format!("Option<{}>", self.render(of)),
            TypeDefKind::Result(of) => format!("Result<{},{}>", optional(&of.ok), optional(&of.err)),
            TypeDefKind::Tuple(of) => {
                let types: Vec<_> = of.types.iter().map(|ty| self.render(ty)).collect();
                format!("({})", types.join(","))
            }
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => self.render(&Type::Id(*id)),
            _ => pascal(definition.name.as_deref().unwrap()),
        }
    }

    fn signature(&self, function: &Function) -> Signature {
        let own = function.params.iter().filter(|param| param.name != "self");
        Signature {
            parameters: own.map(|param| self.render(&param.ty)).collect(),
            result: function
                .result
                .as_ref()
                .map_or_else(|| "()".to_owned(), |ty| self.render(ty)),
        }
    }

    /// Functions of an interface, or of the resource of that name in it.
    fn functions(&self, interface: &str, resource: Option<&str>) -> BTreeMap<String, Signature> {
        let all = self.interface(interface).functions.values();
        let own = all.filter_map(|function| match resource {
            None if !function.name.contains('.') => Some((function.name.replace('-', "_"), function)),
            None => None,
            Some(resource) => {
                let name = function.name.strip_prefix(&format!("[method]{resource}."))?;
                Some((name.replace('-', "_"), function))
            }
        });
        own.map(|(name, function)| (name, self.signature(function)))
            .collect()
    }
}

fn pascal(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.collect()
}

/// A WIT field in Rust: times tell their unit in WIT alone.
fn snake(name: &str) -> String {
    name.strip_suffix("-ms").unwrap_or(name).replace('-', "_")
}

#[test]
fn every_type_of_the_package_is_a_type_of_the_crate() {
    let (rust, wit) = (rust(), Wit::read());
    let mut seen = BTreeSet::new();
    for (name, id) in &wit.interface("types").types {
        let name = pascal(name);
        let definition = &wit.resolve.types[*id];
        match &definition.kind {
            TypeDefKind::Record(record) => {
                if WIT_ONLY.contains(&name.as_str()) || WIT_EVENTS.contains(&name.as_str()) {
                    continue;
                }
                let fields = record.fields.iter();
                let fields: BTreeMap<_, _> = fields
                    .map(|field| (snake(&field.name), wit.render(&field.ty)))
                    .collect();
                assert_eq!(rust.structs.get(&name), Some(&fields), "record {name}");
            }
            TypeDefKind::Enum(cases) => {
                let cases = cases.cases.iter();
                let cases = cases.map(|case| (pascal(&case.name), Vec::new())).collect();
                assert_eq!(rust.enums.get(&name), Some(&cases), "enum {name}");
            }
            TypeDefKind::Variant(cases) => {
                let cases = cases.cases.iter().map(|case| {
                    let case_name = pascal(case.name.strip_suffix("-ms").unwrap_or(&case.name));
                    let held = case.ty.as_ref();
                    let held =
                        held.map_or_else(Vec::new, |ty| contents(&rust, &wit, (&name, &case_name), ty));
                    (case_name, held)
                });
                let cases: BTreeMap<_, Vec<(String, String)>> = cases.collect();
                let mut found = rust.enums.get(&name).cloned().unwrap_or_default();
                found.values_mut().for_each(|fields| fields.sort());
                assert_eq!(found, cases, "variant {name}");
            }
            other => panic!("{name} is of a kind nobody compares: {other:?}"),
        }
        seen.insert(name);
    }
    // What authors see of plain data is in the package: nothing was added to the crate alone.
    for name in rust.structs.keys() {
        assert!(seen.contains(name), "struct {name} is not in the package");
    }
}

/// What a case of a variant holds, as the fields of the Rust variant: spread where Rust names them.
fn contents(rust: &Rust, wit: &Wit, (variant, case): (&str, &str), ty: &Type) -> Vec<(String, String)> {
    let none = Vec::new();
    let fields = rust
        .enums
        .get(variant)
        .and_then(|cases| cases.get(case))
        .unwrap_or(&none);
    // One field that is a struct by itself is not spread.
    let is_whole = fields.len() == 1 && rust.structs.contains_key(&fields[0].1);
    let name = fields.first().map_or("0", |(name, _)| name);
    let record = match ty {
        Type::Id(id) => match &wit.resolve.types[wit.original(*id)].kind {
            TypeDefKind::Record(record) if name != "0" && !is_whole => Some(record),
            _ => None,
        },
        _ => None,
    };
    let mut held: Vec<_> = match record {
        Some(record) => {
            let fields = record.fields.iter();
            fields
                .map(|field| (snake(&field.name), wit.render(&field.ty)))
                .collect()
        }
        None => vec![(name.to_owned(), wit.render(ty))],
    };
    held.sort();
    held
}

/// Compares a trait with functions; `described` are the Rust functions asked once, which WIT asks of all parts at once.
fn compare(rust: &Rust, name: &str, mut wit: BTreeMap<String, Signature>, described: &[&str]) {
    let mut functions = rust.traits[name].clone();
    functions.retain(|function, _| {
        !described.contains(&function.as_str())
            && !DIFFERENT.contains(&(name, function))
            && function != "try_handle"
    });
    wit.retain(|function, _| !DIFFERENT.contains(&(name, function)));
    assert_eq!(functions, wit, "trait {name}");
}

#[test]
fn every_function_of_the_package_is_a_method_of_the_crate() {
    let (rust, wit) = (rust(), Wit::read());
    compare(&rust, "Host", wit.functions("host", None), &[]);
    compare(
        &rust,
        "HttpResponse",
        wit.functions("host", Some("http-response")),
        &[],
    );
    compare(
        &rust,
        "ByteStream",
        wit.functions("source", Some("byte-stream")),
        &[],
    );
    compare(&rust, "Filter", wit.functions("filters", Some("filter")), &[]);
    for (interface, name, asked, once) in [
        ("source", "Source", "describe", Some("describe")),
        ("filters", "FilterFactory", "names", Some("name")),
        ("routes", "Routes", "describe", Some("endpoints")),
        ("interceptor", "Interceptor", "count", None),
        ("events", "EventListener", "describe", Some("interest")),
        ("info", "InfoModifier", "count", None),
        ("probe", "ContainerProbe", "count", None),
        ("search", "Search", "describe", Some("source_name")),
        ("lyrics", "LyricsSource", "describe", Some("source_name")),
    ] {
        let mut functions = wit.functions(interface, None);
        let asked = functions
            .remove(asked)
            .unwrap_or_else(|| panic!("{interface} has no {asked}"));
        match once {
            Some(once) => {
                let one = &rust.traits[name][once].result;
                assert_eq!(asked.result, format!("Vec<{one}>"), "{interface}");
            }
            None => assert_eq!(asked.result, "u32", "{interface}"),
        }
        for (function, signature) in &mut functions {
            assert_eq!(
                signature.parameters.first().map(String::as_str),
                Some("u32"),
                "{interface} {function}"
            );
            signature.parameters.remove(0);
        }
        compare(&rust, name, functions, once.as_slice());
    }
}

#[test]
fn every_interface_has_a_world_of_its_own_and_is_in_the_common_one() {
    let wit = Wit::read();
    let exports = |world: &str| -> BTreeSet<String> {
        let mut worlds = wit.resolve.worlds.iter().map(|(_, world)| world);
        let world = worlds
            .find(|candidate| candidate.name == world)
            .unwrap_or_else(|| panic!("no world {world}"));
        let keys = world.exports.keys().map(|key| wit.resolve.name_world_key(key));
        keys.map(|key| key.split(['/', '@']).nth(1).unwrap().to_owned())
            .collect()
    };
    let all = exports("plugin");
    assert_eq!(all.len(), 9);
    for interface in &all {
        let own = exports(&format!("{interface}-plugin"));
        assert_eq!(own, BTreeSet::from([interface.clone()]));
    }
}
