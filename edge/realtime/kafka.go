package realtime

import (
	"bytes"
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// kafka sends each line as a record of a topic.
type kafka struct{ client *kgo.Client }

// openKafka makes a client, which connects when there is something to send.
func openKafka(brokers []string, topic string) (Sink, error) {
	c, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic), kgo.ClientID("warmfront"), kgo.AllowAutoTopicCreation())
	if err != nil {
		return nil, err
	}
	return kafka{c}, nil
}

func (k kafka) Write(ctx context.Context, lines []byte) error {
	var records []*kgo.Record
	for line := range bytes.Lines(lines) {
		records = append(records, &kgo.Record{Value: bytes.TrimSuffix(line, []byte("\n"))})
	}
	return k.client.ProduceSync(ctx, records...).FirstErr()
}

func (k kafka) Close() error {
	k.client.Close()
	return nil
}
