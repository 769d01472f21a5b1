// Command foreign-verifier checks a running ledger with nothing of ours: golang.org/x/mod/sumdb/note
// opens its checkpoints, golang.org/x/mod/sumdb/tlog verifies its tiles, leaves and proofs.
//
//	LEDGER_TOKEN=... foreign-verifier -url URL -key KEY -older FILE [-flip PART]
//
// It exits with 1 and the reason when something does not verify. With -flip it changes one bit of
// that part as it arrives, so that a caller can see that it would notice.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A tile of c2sp.org/tlog-tiles has 2 to the 8 hashes.
const tileHeight = 8

var (
	baseURL = flag.String("url", "", "where the service runs")
	keyText = flag.String("key", "", "the verifier key")
	older   = flag.String("older", "", "a file with a checkpoint that was kept from earlier")
	flip    = flag.String("flip", "", "checkpoint, tile, entries, inclusion or consistency")
	client  = &http.Client{Timeout: 20 * time.Second}
)

type tree struct {
	origin string
	size   int64
	root   tlog.Hash
}

func main() {
	flag.Parse()
	if err := verify(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func verify() error {
	verifier, err := note.NewVerifier(*keyText)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	kept, err := os.ReadFile(*older)
	if err != nil {
		return err
	}
	oldTree, err := open(kept, verifier)
	if err != nil {
		return fmt.Errorf("older checkpoint: %w", err)
	}
	signed, err := get("checkpoint", "/ledger/checkpoint")
	if err != nil {
		return err
	}
	newTree, err := open(signed, verifier)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	hashes := tlog.TileHashReader(tlog.Tree{N: newTree.size, Hash: newTree.root}, tiles{})
	root, err := tlog.TreeHash(newTree.size, hashes)
	if err != nil {
		return fmt.Errorf("tiles: %w", err)
	}
	if root != newTree.root {
		return errors.New("tiles: they do not have the root that was signed")
	}
	if err := checkLeaves(newTree, hashes); err != nil {
		return err
	}
	if err := checkConsistency(oldTree, newTree); err != nil {
		return err
	}
	fmt.Printf("%d leaves of %s, continuing %d\n", newTree.size, newTree.origin, oldTree.size)
	return nil
}

// open verifies a checkpoint (c2sp.org/tlog-checkpoint).
func open(text []byte, verifier note.Verifier) (tree, error) {
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tree{}, errors.New("it is no checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tree{lines[0], size, root}, err
}

// tiles reads tiles where c2sp.org/tlog-tiles has them: without the height, which is always 8 there.
type tiles struct{}

func (tiles) Height() int { return tileHeight }

func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
		data, err := get("tile", "/ledger/tile/"+path)
		if err != nil {
			return nil, err
		}
		if len(data) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("tile %s has %d bytes", path, len(data))
		}
		found = append(found, data)
	}
	return found, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// checkLeaves holds every leaf against the tiles, and some against the proofs of the service.
func checkLeaves(signed tree, hashes tlog.HashReader) error {
	for start := int64(0); start < signed.size; start += 1 << tileHeight {
		width := int(signed.size - start)
		if width > 1<<tileHeight {
			width = 1 << tileHeight
		}
		bundle := tlog.Tile{H: tileHeight, L: 0, N: start >> tileHeight, W: width}
		path := strings.TrimPrefix(bundle.Path(), fmt.Sprintf("tile/%d/0/", tileHeight))
		data, err := get("entries", "/ledger/tile/entries/"+path)
		if err != nil {
			return err
		}
		for index := start; index < start+int64(width); index++ {
			if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
				return fmt.Errorf("entries: leaf %d is cut off", index)
			}
			length := 2 + int(binary.BigEndian.Uint16(data))
			leaf := tlog.RecordHash(data[2:length])
			data = data[length:]
			stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return fmt.Errorf("tiles: %w", err)
			}
			if stored[0] != leaf {
				return fmt.Errorf("entries: leaf %d is not the one in the tile", index)
			}
			if index%61 != 0 && index != signed.size-1 {
				continue
			}
			if err := checkInclusion(signed, index, leaf); err != nil {
				return err
			}
		}
		if len(data) > 0 {
			return errors.New("entries: there are bytes after the last leaf")
		}
	}
	return nil
}

func checkInclusion(signed tree, index int64, leaf tlog.Hash) error {
	proof, err := proofAt("inclusion", fmt.Sprintf("index=%d&size=%d", index, signed.size))
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, signed.size, signed.root, index, leaf); err != nil {
		return fmt.Errorf("inclusion: %w", err)
	}
	return nil
}

func checkConsistency(oldTree, newTree tree) error {
	query := fmt.Sprintf("older=%d&newer=%d", oldTree.size, newTree.size)
	proof, err := proofAt("consistency", query)
	if err != nil {
		return err
	}
	err = tlog.CheckTree(proof, newTree.size, newTree.root, oldTree.size, oldTree.root)
	if err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	return nil
}

func proofAt(kind, query string) ([]tlog.Hash, error) {
	body, err := fetch("/ledger/proofs/" + kind + "?" + query)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Proof []string `json:"proof"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	var proof []tlog.Hash
	for at, text := range answer.Proof {
		hash, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(hash) != tlog.HashSize {
			return nil, fmt.Errorf("%s: %q is no hash", kind, text)
		}
		if at == 0 {
			changed(kind, hash)
		}
		var next tlog.Hash
		copy(next[:], hash)
		proof = append(proof, next)
	}
	return proof, nil
}

// get fetches a part, with one bit changed when that is asked for.
func get(part, path string) ([]byte, error) {
	body, err := fetch(path)
	if err == nil {
		changed(part, body)
	}
	return body, err
}

func changed(part string, bytes []byte) {
	if *flip == part {
		bytes[len(bytes)/3] ^= 1
	}
}

func fetch(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, *baseURL+path, nil)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(path, "/ledger/tile/entries/") {
		request.Header.Set("Authorization", "Bearer "+os.Getenv("LEDGER_TOKEN"))
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", path, response.StatusCode)
	}
	return io.ReadAll(response.Body)
}
