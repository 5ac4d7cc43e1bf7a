"""Generated from `proto/` by `make proto`; do not edit. Import it through `krepis.wire`."""
