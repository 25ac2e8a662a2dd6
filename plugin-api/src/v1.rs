//! Generation 1 of the native ABI: frozen types, host and source objects, and the export macro.
