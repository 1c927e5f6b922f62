package github

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing/fstest"

	"golang.org/x/sync/errgroup"
)

// File reads a file as it is in a commit. It wants the permission "contents: read".
// A file that is not there gives a [Refusal] with status 404.
func (c *Client) File(ctx context.Context, name, sha string) ([]byte, error) {
	const op = "read a file of the commit"
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	r, err := c.safe.NewRequest(http.MethodGet, c.repo("contents/%s?ref=%s", strings.Join(parts, "/"), url.QueryEscape(sha)), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/vnd.github.raw+json")
	var content bytes.Buffer
	_, err = c.safe.Do(ctx, r, &content)
	return content.Bytes(), refused(op, err)
}

// asking bounds how many files are asked for at once.
const asking = 8

// Files are some files of a commit below a folder, as a file system. Those that are
// not there are left out.
func (c *Client) Files(ctx context.Context, folder, sha string, names ...string) (fstest.MapFS, error) {
	contents := make([][]byte, len(names))
	group, all := errgroup.WithContext(ctx)
	group.SetLimit(asking)
	for i, name := range names {
		group.Go(func() error {
			content, err := c.File(all, path.Join(folder, name), sha)
			if r, ok := errors.AsType[*Refusal](err); ok && r.Status == http.StatusNotFound {
				return nil
			}
			contents[i] = append([]byte{}, content...) // not nil: an empty file is there
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	files := fstest.MapFS{}
	for i, name := range names {
		if contents[i] != nil {
			files[name] = &fstest.MapFile{Data: contents[i]}
		}
	}
	return files, nil
}
