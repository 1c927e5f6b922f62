// Package envelope is the grammar of the v4 API: the answer every call gets,
// the errors it can carry, the table of endpoints, and how a body is read.
//
// It knows no product. Each product room below fakecloudflare lists its
// Endpoints; fakecloudflare puts them into one Table, asks who may call them
// and writes what they return. Nothing here holds state.
//
// Shapes are those of the published envelope (success, errors, messages,
// result, result_info), see https://developers.cloudflare.com/api/.
package envelope
