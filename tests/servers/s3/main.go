// A server of the protocol of S3 that checks signatures (Signature Version 4): the one of `rclone serve s3`, in memory,
// with a bucket `mecha`. Usage: s3 ADDRESS KEY SECRET
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/rclone/gofakes3"
	"github.com/rclone/gofakes3/s3mem"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: s3 ADDRESS KEY SECRET")
	}
	objects := s3mem.New()
	if err := objects.CreateBucket(context.Background(), "mecha"); err != nil {
		log.Fatal(err)
	}
	server := gofakes3.New(objects, gofakes3.WithV4Auth(map[string]string{os.Args[2]: os.Args[3]}), gofakes3.WithIntegrityCheck(true))
	log.Fatal(http.ListenAndServe(os.Args[1], server.Server()))
}
