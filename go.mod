module github.com/tminus/deploy-action

go 1.26

require (
	github.com/pelletier/go-toml/v2 v2.4.3
	github.com/tailscale/hujson v0.0.0-20260727124030-b80ff77dac4f
)

require go.yaml.in/yaml/v3 v3.0.6 // indirect
