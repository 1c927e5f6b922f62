package queue

const childFile = "HOOK_TEST_DATABASE"

func child() {}
