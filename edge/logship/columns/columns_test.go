package columns

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func written(t *testing.T, lines int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, []string{"x-edge-location", "cs(User-Agent)", "c-ip", "x-edge-request-id"})
	for i := range lines {
		if _, err := w.Write(fmt.Appendf(nil, "LAX1\ta%%20%d\t-\tid%d\n", i%3, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What is written has the columns in their order, and every line.
func TestFilesAreRead(t *testing.T) {
	for _, lines := range []int{0, 1, rowGroup - 1, rowGroup, 2*rowGroup + 7} {
		file := written(t, lines)
		f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range f.Root().Columns() {
			names = append(names, c.Name()+" "+c.Type().String())
		}
		if got := strings.Join(names, ", "); got != "x_edge_location STRING, cs_user_agent STRING, c_ip STRING, x_edge_request_id STRING" {
			t.Errorf("columns %s", got)
		}
		row, read := make([]parquet.Row, 1), 0
		for _, group := range f.RowGroups() {
			rows := group.Rows()
			for {
				if n, _ := rows.ReadRows(row); n == 0 {
					break
				}
				if got, want := fmt.Sprint(row[0]), fmt.Sprintf("[LAX1 a%%20%d - id%d]", read%3, read); got != want {
					t.Fatalf("row %d is %s, want %s", read, got, want)
				}
				read++
			}
			if err := rows.Close(); err != nil {
				t.Error(err)
			}
		}
		if read != lines {
			t.Errorf("%d rows of %d", read, lines)
		}
	}
}

func TestALineOfOtherFieldsIsRefused(t *testing.T) {
	w := NewWriter(&bytes.Buffer{}, []string{"date", "time"})
	if _, err := w.Write([]byte("a\n")); err == nil {
		t.Error("a line of one value is taken for two columns")
	}
}

// A reader that others have written reads the same.
func TestFilesAreReadByOthers(t *testing.T) {
	reader := os.Getenv("HYPARQUET")
	if reader == "" {
		t.Skip("HYPARQUET does not name the folder of npm's hyparquet; make clients reads a file with it")
	}
	path := filepath.Join(t.TempDir(), "log.parquet")
	if err := os.WriteFile(path, written(t, 2*rowGroup+7), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "node", "testdata/read.mjs", reader, path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	if err := json.Unmarshal(out, &rows); err != nil || len(rows) != 2*rowGroup+7 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for i, r := range rows {
		if r["x_edge_location"] != "LAX1" || r["cs_user_agent"] != fmt.Sprintf("a%%20%d", i%3) || r["c_ip"] != "-" || r["x_edge_request_id"] != fmt.Sprintf("id%d", i) {
			t.Fatalf("row %d is %v", i, r)
		}
	}
}

func TestName(t *testing.T) {
	for field, want := range map[string]string{"cs(User-Agent)": "cs_user_agent", "cs(Host)": "cs_host", "timestamp(ms)": "timestamp_ms", "DistributionId": "distributionid", "date": "date"} {
		if got := Name(field); got != want {
			t.Errorf("%s is %s, want %s", field, got, want)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	line := []byte("2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\td111111abcdef8.cloudfront.net\t/index.html\t200\t-\t" +
		"Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20Chrome/78.0.3904.108%20Safari/537.36\t" +
		"-\t-\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\td111111abcdef8.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1.2\t" +
		"ECDHE-RSA-AES128-GCM-SHA256\tHit\tHTTP/2.0\t-\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-\n")
	var fields []string
	for i := range bytes.Count(line, []byte("\t")) + 1 {
		fields = append(fields, fmt.Sprintf("f%02d", i))
	}
	w := NewWriter(&bytes.Buffer{}, fields)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	}
}
