module github.com/tminus/deploy-action

go 1.26
