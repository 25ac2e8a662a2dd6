//! The compiler and runtime of components: one per node, made when the first component is there.

use wasmtime::component::Linker;
use wasmtime::{Config, Engine};

use super::bindings::lavalink::plugin::host;
use super::state::State;

/// Most stack a guest may use, bytes. The threads calls run on have 2 MiB.
const STACK: usize = 512 * 1024;

/// The engine. It compiles on the calling thread, so that the niceness of that thread applies to all of the work.
pub(super) fn engine() -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .parallel_compilation(false)
        .max_wasm_stack(STACK);
    Engine::new(&config)
}

/// What components can import: `lavalink:plugin/host` and nothing else.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    host::add_to_linker::<State, wasmtime::component::HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}
