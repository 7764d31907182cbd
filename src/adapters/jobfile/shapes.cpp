#include "adapters/jobfile/shapes.hpp"

namespace stint::adapters {
namespace {

constexpr std::string_view kCommand = R"yaml(# One command. Submit it with `stint run`, see first with `stint plan` where it would run.
name: hello
run: echo "hello from $(hostname)"          # a shell line; or `command: [python3, train.py]` without a shell
resources: {cpu: 1, memory: 512Mi}          # gpu: 1, storage: 10Gi
timeout: 10m                                # of one attempt
retries: 1                                  # further attempts after a failure; losses of an agent do not count

# Files travel with the job when it names them, and come back as outputs:
# inputs: [train.py, data/]                 # the task then starts in a directory of its own that holds them
# outputs: [model.npz]                      # written to $STINT_OUTPUTS; `stint outputs JOB --to DIR`
# env: {OMP_NUM_THREADS: 1}
# type: trainer                             # trainer, inferencer, crawler, labeller, rater
# labels: {zone: b}                         # the agent must carry it
)yaml";

constexpr std::string_view kSweep =
    R"yaml(# A task for every combination of values: here 2 x 3. `stint run FILE -p epochs=20` changes a parameter.
name: sweep
parameters:
  epochs: 10
matrix:
  lr: [0.1, 0.01]
  seed: [1, 2, 3]                           # the last one changes fastest: main.0 is lr 0.1, seed 1
run: python3 train.py --lr ${{ matrix.lr }} --seed ${{ matrix.seed }} --epochs ${{ params.epochs }} --out "$STINT_OUTPUTS/model.npz"
inputs: [train.py]
outputs: [model.npz]
resources: {cpu: 2, memory: 2Gi}            # of each task
max_parallel: 4                             # so many at once; left out: as many as fit
retries: 2
max_fails: 3                                # then the rest is not tried any more
)yaml";

constexpr std::string_view kArray = R"yaml(# A thousand tasks that differ in $STINT_INDEX.
name: simulate
array: 0-999%50                             # at most 50 at once; 0-999:10 is every tenth; 1000 is 0-999
run: ./simulate --seed "$STINT_INDEX" --out "$STINT_OUTPUTS/result.csv"
inputs: [simulate]
outputs: [result.csv]
collect: {file: result.csv, into: all.csv}  # the file of every task, put together in the order of the indexes
resources: {cpu: 500m, memory: 256Mi}
retries: 2
)yaml";

constexpr std::string_view kBatch = R"yaml(# One model over many files: the model is loaded once for 200 of them.
name: infer
type: inferencer
each: {glob: "images/**/*.jpg", batch: 200}
inputs:                                     # the files of a task's batch travel to it too
  - infer.py
  - {from_job: sweep, task: main.3, path: model.npz}   # of the newest completed job of that name
run: python3 infer.py --model model.npz --list "$STINT_ITEM" --out "$STINT_OUTPUTS/pred.jsonl"
outputs: [pred.jsonl]
collect: {file: pred.jsonl, into: predictions.jsonl}
resources: {cpu: 2, memory: 4Gi, gpu: 1}
max_parallel: 6
retries: 2
)yaml";

constexpr std::string_view kPipeline = R"yaml(# From pages to a model, with people in between.
name: flywheel
tasks:
  crawl:
    type: crawler
    run: python3 crawl.py seeds.txt > "$STINT_OUTPUTS/items.jsonl"   # one JSON object a line
    inputs: [crawl.py, seeds.txt]
    outputs: [items.jsonl]
    network: outbound
  label:
    type: labeller
    driver: human                           # nobody is pushed: people take tasks and answer them
    each: {from: crawl, file: items.jsonl}  # a task for every line, known when crawl has completed
    form: {image: $item.url, choice: [cat, dog, skip]}
    overlap: 2                              # every item by two different people
    due: 3d
  rate:
    type: rater
    needs: label                            # its answers lie in $STINT_INPUTS/label/results.jsonl
    run: python3 agree.py "$STINT_INPUTS/label/results.jsonl" > "$STINT_OUTPUTS/gold.jsonl"
    inputs: [agree.py]
    outputs: [gold.jsonl]
  train:
    type: trainer
    needs: rate
    run: python3 train.py "$STINT_INPUTS/rate/gold.jsonl" --out "$STINT_OUTPUTS/model.npz"
    inputs: [train.py]
    outputs: [model.npz]
    resources: {cpu: 4, memory: 8Gi, gpu: 1}
    checkpoint: true                        # $STINT_CHECKPOINT_DIR survives attempts
    retries: 2
    timeout: 12h
)yaml";

constexpr std::string_view kCrawl = R"yaml(# Pages of a list, fifty to a task, politely few at once.
name: crawl
type: crawler
each: {file: urls.txt, batch: 50}           # a file of one item a line, read when the job is submitted
run: python3 fetch.py "$STINT_ITEM" --out "$STINT_OUTPUTS/pages.jsonl"   # STINT_ITEM names a file of 50 lines
inputs: [fetch.py]
outputs: [pages.jsonl]
collect: {file: pages.jsonl, into: pages.jsonl}
network: outbound
max_parallel: 4
retries: 3
timeout: 15m
resources: {cpu: 500m, memory: 256Mi}
)yaml";

constexpr JobShape kShapes[] = {{"command", "one command", kCommand},
                                {"sweep", "a task for every combination of values", kSweep},
                                {"array", "many tasks that differ in their index", kArray},
                                {"batch", "inference over many files, several to a task", kBatch},
                                {"pipeline", "crawl, label by people, rate, train", kPipeline},
                                {"crawl", "a list of pages, several to a task", kCrawl}};

}  // namespace

std::span<const JobShape> job_shapes() { return kShapes; }

}  // namespace stint::adapters
