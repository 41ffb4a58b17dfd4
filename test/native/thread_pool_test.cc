#include "core/thread_pool.h"

#include <gtest/gtest.h>

#if defined(__linux__)
#include <sys/resource.h>
#include <unistd.h>
#endif

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "core/status.h"

namespace dnd {
namespace {

TEST(ThreadPool, runs_every_task_exactly_once_on_a_thread_of_its_own_number) {
  for (int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    std::vector<std::atomic<int>> runs(1000), inside(threads);
    pool.parallel_for(1000, [&](int64_t task, int thread) {
      EXPECT_EQ(inside[thread]++, 0);
      ++runs[task];
      --inside[thread];
    });
    for (const auto& count : runs) EXPECT_EQ(count, 1);
  }
}

TEST(ThreadPool, sees_all_that_its_tasks_wrote_when_a_loop_returns) {
  ThreadPool pool(3);
  std::vector<int64_t> written(100);
  for (int64_t loop = 0; loop < 3000; ++loop) {  // many small loops: workers must not miss or repeat one
    const int64_t tasks = loop % 100;
    pool.parallel_for(tasks, [&](int64_t task, int) { written[task] += task + loop; });
    for (int64_t task = 0; task < tasks; ++task) {
      ASSERT_EQ(written[task], task + loop);
      written[task] = 0;
    }
  }
}

TEST(ThreadPool, throws_the_first_failure_skips_the_rest_and_stays_usable) {
  // So many that the other thread cannot do them all while the one that fails is not running.
  constexpr int64_t kTasks = 100'000'000;
  ThreadPool pool(2);
  std::atomic<int64_t> ran{0};
  try {
    pool.parallel_for(kTasks, [&](int64_t task, int) {
      ++ran;
      if (task == 3) throw std::runtime_error("task three failed");
    });
    FAIL() << "the failure was lost";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "task three failed");
  }
  EXPECT_LT(ran, kTasks);
  std::atomic<int> again{0};
  pool.parallel_for(10, [&](int64_t, int) { ++again; });
  EXPECT_EQ(again, 10);
}

TEST(ThreadPool, rejects_a_loop_inside_its_own_loop_but_not_inside_another_pools) {
  ThreadPool pool(2), other(2);
  EXPECT_THROW(
      pool.parallel_for(4, [&](int64_t, int) { pool.parallel_for(2, [](int64_t, int) {}); }), Error);
  std::atomic<int> ran{0};
  pool.parallel_for(4, [&](int64_t, int) { other.parallel_for(5, [&](int64_t, int) { ++ran; }); });
  EXPECT_EQ(ran, 20);
}

TEST(ThreadPool, takes_loops_from_several_callers_in_turn) {
  ThreadPool pool(2);
  std::atomic<int> inside{0}, ran{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int loop = 0; loop < 50; ++loop) {
        pool.parallel_for(8, [&](int64_t, int) {
          EXPECT_LE(++inside, 2);
          ++ran;
          --inside;
        });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(ran, 4 * 50 * 8);
}

#if defined(__linux__)
TEST(ThreadPool, works_with_fewer_threads_if_the_system_refuses_more) {
  const auto work_without_more_threads = [] {
    (void)!setuid(54321);  // limits do not apply to root
    const rlimit one{1, 1};
    if (setrlimit(RLIMIT_NPROC, &one) != 0) _exit(100);
    ThreadPool pool(4);
    int ran = 0;
    pool.parallel_for(10, [&](int64_t, int) { ++ran; });
    _exit(ran == 10 ? pool.threads() : 101);
  };
  EXPECT_EXIT(work_without_more_threads(), testing::ExitedWithCode(1), "");
}
#endif

class ThreadsVariable : public testing::Test {
 protected:
  ThreadsVariable() {
    if (const char* value = std::getenv("DND_THREADS")) before_ = value;
  }
  ~ThreadsVariable() override {
    before_.empty() ? unsetenv("DND_THREADS") : setenv("DND_THREADS", before_.c_str(), 1);
  }
  std::string before_;
};

TEST_F(ThreadsVariable, sets_the_default_number_of_threads) {
  setenv("DND_THREADS", "5", 1);
  EXPECT_EQ(ThreadPool(0).threads(), 5);
  EXPECT_EQ(ThreadPool(2).threads(), 2);
}

TEST_F(ThreadsVariable, is_rejected_by_name_unless_it_is_a_valid_number) {
  for (const char* value : {"0", "-1", "two", "3x", "1025", "99999999999999999999"}) {
    setenv("DND_THREADS", value, 1);
    try {
      default_threads();
      ADD_FAILURE() << value << " was accepted";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("DND_THREADS is '" + std::string(value) + "'"), std::string::npos);
    }
  }
  EXPECT_THROW(ThreadPool(-1), Error);
  EXPECT_THROW(ThreadPool(1025), Error);
}

}  // namespace
}  // namespace dnd
