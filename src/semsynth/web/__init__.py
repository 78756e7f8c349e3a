"""What a page needs to draw without a server: the engine, its WebAssembly module, and a model in one file."""
