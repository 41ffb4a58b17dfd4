#include "environment.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "failure.h"

namespace dnd::bindings {
namespace {

constexpr int64_t kBytesFreedInPlace = 16 << 20;

void check(napi_env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

}  // namespace

std::shared_ptr<Environment> Environment::create(Napi::Env env) {
  auto* holder = new std::shared_ptr<Environment>(new Environment(env));
  env.SetInstanceData(holder);  // deleted by Node with the environment
  return *holder;
}

std::shared_ptr<Environment> Environment::of(Napi::Env env) {
  return *env.GetInstanceData<std::shared_ptr<Environment>>();
}

Environment::Environment(Napi::Env env) : env_(env) {
  const auto on_report = [](napi_env alive, napi_value, void* context, void* job) {
    if (alive != nullptr) static_cast<Environment*>(context)->complete(static_cast<BackgroundJob*>(job));
  };
  check(env, napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "dnd-lora"), 0, 1, nullptr,
                                             nullptr, this, on_report, &reports_));
  check(env, napi_unref_threadsafe_function(env, reports_));
  check(env, napi_add_env_cleanup_hook(
                 env, [](void* self) { static_cast<Environment*>(self)->close(); }, this));
}

Napi::Object Environment::submit(JobWork work, std::shared_ptr<JobQueue> queue, Napi::Function done,
                                 const std::vector<Napi::Value>& inputs) {
  auto job = std::make_shared<BackgroundJob>();
  job->work = std::move(work);
  job->queue = std::move(queue);
  job->done = Napi::Persistent(done);
  for (const Napi::Value& input : inputs) job->inputs.push_back(Napi::Persistent(input));

  // The functions may outlive the job: they share its control, and have only a weak reference to the job.
  Napi::Object controls = Napi::Object::New(env_);
  const std::weak_ptr<BackgroundJob> weak = job;
  controls.Set("cancel", Napi::Function::New(env_, [weak](const Napi::CallbackInfo& info) {
                 if (auto alive = weak.lock()) Environment::of(info.Env())->cancel(*alive);
               }));
  controls.Set("progress", Napi::Function::New(env_, [control = job->control](const Napi::CallbackInfo& info) {
                 return Napi::Number::New(info.Env(), control->progress());
               }));
  add(std::move(job));
  return controls;
}

void Environment::release(std::shared_ptr<void> model, int64_t bytes) {
  if (closed_ || bytes <= kBytesFreedInPlace) return;
  auto job = std::make_shared<BackgroundJob>();
  job->work = [owned = std::move(model)](Job&) mutable {
    owned.reset();
    return JobResult{};
  };
  add(std::move(job));
}

void Environment::add(std::shared_ptr<BackgroundJob> job) {
  BackgroundJob& added = *job;
  if (jobs_.empty()) check(env_, napi_ref_threadsafe_function(env_, reports_));
  jobs_.emplace(&added, std::move(job));
  if (added.queue) added.queue->push_back(&added);
  if (!added.waits()) start(added);
}

void Environment::start(BackgroundJob& job) {
  try {
    job.thread = std::thread([this, &job] {
      job.run();
      report(job);
    });
  } catch (const std::exception&) {
    job.work = nullptr;
    job.failure = describe_failure(std::current_exception());
    report(job);
  }
}

void Environment::report(BackgroundJob& job) {
  // Fails only while the environment closes, when the report is not needed.
  napi_call_threadsafe_function(reports_, &job, napi_tsfn_nonblocking);
}

void Environment::cancel(BackgroundJob& job) {
  job.control->cancel();
  if (!job.waits()) return;
  const auto position = std::find(job.queue->begin(), job.queue->end(), &job);
  if (position == job.queue->end()) return;  // already cancelled
  job.queue->erase(position);
  job.work = nullptr;
  job.failure = "ABORTED: the work was cancelled before it started";
  report(job);
}

void Environment::complete(BackgroundJob* finished) {
  auto node = jobs_.extract(finished);
  BackgroundJob& job = *node.mapped();
  if (job.thread.joinable()) job.thread.join();
  if (job.queue && !job.queue->empty() && job.queue->front() == finished) {
    job.queue->pop_front();
    if (!job.queue->empty()) start(*job.queue->front());
  }
  if (jobs_.empty()) napi_unref_threadsafe_function(env_, reports_);
  job.deliver(env_);
}

void Environment::close() {
  closed_ = true;
  for (auto& [job, owner] : jobs_) job->control->cancel();
  for (auto& [job, owner] : jobs_) {
    if (job->thread.joinable()) job->thread.join();
  }
  jobs_.clear();
}

}  // namespace dnd::bindings
