package cloudflare

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime"
	"mime/multipart"
	"net/textproto"
	"path"
	"slices"
	"strings"

	"github.com/cloudflare/cloudflare-go/v7/option"
	"github.com/cloudflare/cloudflare-go/v7/workers"
	"lukechampine.com/blake3"
)

// Asset is a static file of a Worker.
type Asset struct {
	Path    string // as in the URL, beginning with a slash
	Content []byte
}

// Hash is the asset's name at Cloudflare: the first 32 hex digits of the BLAKE3
// sum over the content in base64 and the file's ending without its dot. Source:
// cloudflare/workers-sdk, helpers/hash.ts.
func (a Asset) Hash() string {
	sum := blake3.Sum256([]byte(base64.StdEncoding.EncodeToString(a.Content) + strings.TrimPrefix(path.Ext(a.Path), ".")))
	return hex.EncodeToString(sum[:])[:32]
}

// UploadAssets brings a script's static files to the account, those that it does
// not have yet, and gives the token that stands for them in an upload's metadata.
func (c *Client) UploadAssets(ctx context.Context, script string, assets []Asset) (string, error) {
	type entry struct {
		Hash string `json:"hash"`
		Size int    `json:"size"`
	}
	manifest, byHash := map[string]entry{}, map[string]Asset{}
	for _, a := range assets {
		manifest[a.Path] = entry{a.Hash(), len(a.Content)}
		byHash[a.Hash()] = a
	}
	var p workers.ScriptAssetUploadNewParams
	c.in(&p.AccountID.Value)
	session, err := ask[assetSession](func(o ...option.RequestOption) error {
		_, err := c.workers.Scripts.Assets.Upload.New(ctx, script, p, o...)
		return err
	}, jsonBody(map[string]any{"manifest": manifest}))
	if err != nil {
		return "", wrap(err, "begin to upload the assets of %s", script)
	}
	token := session.JWT
	for i, bucket := range session.Buckets {
		done, err := c.uploadBucket(ctx, session.JWT, bucket, byHash)
		if err != nil {
			return "", wrap(err, "upload the assets of %s, part %d of %d", script, i+1, len(session.Buckets))
		}
		if done != "" {
			token = done
		}
	}
	if token == "" {
		return "", fmt.Errorf("upload the assets of %s: the account gave no completion token", script)
	}
	return token, nil
}

// assetSession is the account's answer to a manifest: which files it lacks.
type assetSession struct {
	JWT     string     `json:"jwt"`
	Buckets [][]string `json:"buckets"`
}

func (c *Client) uploadBucket(ctx context.Context, session string, hashes []string, byHash map[string]Asset) (string, error) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, hash := range slices.Sorted(slices.Values(hashes)) {
		a, ok := byHash[hash]
		if !ok {
			return "", fmt.Errorf("the account asks for a file %s that was not offered", hash)
		}
		kind := mime.TypeByExtension(path.Ext(a.Path))
		if kind == "" {
			kind = "application/null"
		}
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, hash, hash))
		header.Set("Content-Type", kind)
		part, err := w.CreatePart(header)
		if err != nil {
			return "", err
		}
		if _, err := part.Write([]byte(base64.StdEncoding.EncodeToString(a.Content))); err != nil {
			return "", err
		}
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	var p workers.AssetUploadNewParams
	c.in(&p.AccountID.Value)
	answer, err := ask[assetSession](func(o ...option.RequestOption) error {
		_, err := c.workers.Assets.Upload.New(ctx, p, o...)
		return err
	}, option.WithRequestBody(w.FormDataContentType(), body.Bytes()),
		option.WithHeader("Authorization", "Bearer "+session), option.WithQuery("base64", "true"))
	return answer.JWT, err
}
