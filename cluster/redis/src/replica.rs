//! Replicas of a Redis Cluster: others may subscribe there, so these subscribers count too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, Value};
use tokio::time::timeout;

use crate::batch::Replies;
use crate::server::Server;

/// A replica, which is asked for numbers of subscribers and for nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Replica {
    /// The number of its master.
    pub(crate) master: usize,
    server: Server,
    /// The connection of the last question, unless that failed.
    connection: Arc<Mutex<Option<MultiplexedConnection>>>,
}

impl Replica {
    pub(crate) fn new(server: Server, master: usize) -> Self {
        Self { master, server, connection: Arc::default() }
    }

    /// Asks for numbers. There are none when the replica is away: nobody can be subscribed there.
    pub(crate) fn ask(&self, questions: Pipeline) -> Replies {
        let replica = self.clone();
        Box::pin(async move {
            let answers = timeout(PATIENCE, replica.answers(&questions)).await;
            Ok(answers.map_or_else(|_| Vec::new(), Result::unwrap_or_default))
        })
    }

    async fn answers(&self, questions: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let kept = self.kept().take();
        let mut connection = match kept {
            Some(connection) => connection,
            None => self.server.open(None).await?,
        };
        let answers = connection.send_packed_commands(questions, 0, questions.len()).await?;
        *self.kept() = Some(connection);
        Ok(answers)
    }

    fn kept(&self) -> MutexGuard<'_, Option<MultiplexedConnection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a replica may take to answer: others wait for it.
const PATIENCE: Duration = Duration::from_millis(500);
