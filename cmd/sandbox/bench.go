package main

import "context"

func bench(context.Context, benchFlags) error { return nil }
